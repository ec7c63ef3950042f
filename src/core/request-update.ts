import type { EmbeddingUpdate } from './embedding.js';
import type { AcceptedUpdate, ChoiceUpdate, FailedUpdate } from './generation.js';
import type { ScoreUpdate } from './scoring.js';

/** What the engine says of a request, of whatever kind. Nothing follows a failure. */
export type RequestUpdate = AcceptedUpdate | ChoiceUpdate | EmbeddingUpdate | ScoreUpdate | FailedUpdate;

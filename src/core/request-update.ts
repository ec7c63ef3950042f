import type { EmbeddingUpdate } from './embedding.js';
import type { AcceptedUpdate, ChoiceUpdate, FailedUpdate, StartedUpdate } from './generation.js';
import type { RelevanceUpdate } from './reranking.js';
import type { LikelihoodsUpdate } from './likelihood.js';
import type { ScoreUpdate } from './scoring.js';

/** What the engine says of a request, of whatever kind. Nothing follows a failure. */
export type RequestUpdate =
  | AcceptedUpdate
  | StartedUpdate
  | ChoiceUpdate
  | EmbeddingUpdate
  | RelevanceUpdate
  | LikelihoodsUpdate
  | ScoreUpdate
  | FailedUpdate;

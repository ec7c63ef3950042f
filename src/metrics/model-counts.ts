import type { FinishReason } from '../core/generation.js';
import type { BucketCounts } from './bucket-counts.js';

/** What one choice of a request came to. */
export interface FinishedChoice {
  readonly reason: FinishReason;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** From the hand-over to the engine to the last update, seconds. */
  readonly duration: number;
  /** From the first token to the last, seconds. */
  readonly decodeTime: number;
  /** Tokens that came after the first update: those that {@link decodeTime} was for. */
  readonly decodedTokens: number;
}

/** What the requests of one model are counted in. The fields are changed for every token, without more ado. */
export interface ModelCounts {
  promptTokens: number;
  /** Of {@link promptTokens}, those that were not computed. */
  cachedTokens: number;
  /** Prompt tokens that were looked for among what is kept, and those of them that were there. */
  cacheQueries: number;
  cacheHits: number;
  generationTokens: number;
  readonly tokenGaps: BucketCounts;
  firstToken(seconds: number): void;
  finished(choice: FinishedChoice): void;
}

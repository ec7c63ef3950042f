import type { Prompt } from './generation.js';

/**
 * How the embeddings of an input's tokens become one: their mean, that of the first token (BERT's CLS), or that of the
 * last one.
 */
export type Pooling = 'mean' | 'first' | 'last';

/** What is known of the embeddings that a model makes. */
export interface EmbeddingInfo {
  /** Numbers in an embedding. */
  readonly size: number;
  /** What the model's file asks for; `mean` where it says nothing. */
  readonly pooling: Pooling;
}

/** One client request for embeddings: what crosses the boundary to the engine. */
export interface EmbedRequest {
  /** Unique among the requests of the engine. */
  readonly id: string;
  /**
   * At least one. Texts with `addSpecial`, or the tokens that a model was trained to read at the ends of its input are
   * missing.
   */
  readonly inputs: readonly Prompt[];
  /** Scale each embedding to length 1. Else it is as the model made it; one of zeros stays as it is. */
  readonly normalize: boolean;
}

/** What an input came to. */
export interface InputEmbedding {
  /** Has memory of its own. */
  readonly embedding: Float32Array;
  /** Tokens of the input. */
  readonly tokens: number;
}

/** One input of an embed request is done. Inputs are not done in order. */
export interface EmbeddingUpdate extends InputEmbedding {
  readonly kind: 'embedding';
  readonly requestId: string;
  /** Which input, from 0. */
  readonly input: number;
}

/**
 * What a head attends to: the token so many positions back (0 is the token itself), or all tokens alike.
 *
 * Ordinary attention with random weights is a soft choice, and its rounding depends on how llama.cpp batches: by some
 * 0.0006 of its size, enough to flip a greedy choice every few hundred tokens. Attention of this kind is exact: a head
 * that looks at one position gives that token's values, whatever the order of sums; and since embeddings are signs, a
 * head of the first layer that looks at all gives a sum of small whole numbers. So a fixture's text depends on every
 * token before it and on their order, and still is the same however it is batched.
 */
export type LookBack = number | 'all';

/** Grouped-query attention. */
export interface AttentionShape {
  readonly heads: number;
  readonly kvHeads: number;
  /** Elements per head. */
  readonly headLength: number;
  /** Base of the RoPE frequencies. */
  readonly ropeBase: number;
  /** Deviation of the attention scores before the softmax: the higher, the fewer positions a token looks at. */
  readonly sharpness: number;
  /** Deviation of a layer's outputs if only one position were looked at. */
  readonly gain: number;
  /** Per layer: what its heads look at. Layers not named have random attention. */
  readonly lookBack?: Readonly<Record<number, readonly LookBack[]>>;
}

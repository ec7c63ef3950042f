import type { Token } from './generation.js';

/**
 * Consecutive rows of one sequence in a batch: `tokens` at positions `start`, `start + 1`, ...
 *
 * `start` is the number of tokens the slot already holds: positions of a sequence always continue.
 */
export interface BatchSpan {
  readonly sequenceId: number;
  /** The native sequence id lane in the KV cache. */
  readonly slot: number;
  readonly start: number;
  readonly tokens: readonly Token[];
  /** The span ends where its sequence does, or in drafts behind it, and the result of its last row is wanted: logits, to sample from. */
  readonly output: boolean;
  /** Index in `tokens` of the first row whose result is wanted; absent where only `output` says that one is. */
  readonly outputFrom?: number;
  /** The last so many of `tokens` are drafts: guesses, which the rows before them verify. None when absent. */
  readonly drafts?: number;
}

/** The rows of one decode call: the scheduler's decision, as plain data. */
export interface Batch {
  readonly spans: readonly BatchSpan[];
  /** Sum of the spans' lengths. */
  readonly rows: number;
  /** Rows have embeddings as results besides logits. Then every row of the batch counts as one with a result. */
  readonly embeds?: boolean;
}

/** Rows of a span whose results are wanted, as indices in its tokens: from `first` on, all of them. */
export function firstOutput({ tokens, output, outputFrom }: BatchSpan): number {
  return outputFrom ?? Math.max(0, output ? tokens.length - 1 : tokens.length);
}

export const emptyBatch: Batch = { spans: [], rows: 0 };

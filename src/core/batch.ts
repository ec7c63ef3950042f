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
  /** The logits of the span's last row are wanted, to sample from. */
  readonly output: boolean;
}

/** The rows of one decode call: the scheduler's decision, as plain data. */
export interface Batch {
  readonly spans: readonly BatchSpan[];
  /** Sum of the spans' lengths. */
  readonly rows: number;
}

export const emptyBatch: Batch = { spans: [], rows: 0 };

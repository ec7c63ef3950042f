import type { SchedulingOrder } from './turns.js';

/** Whose work goes first, and how long a step may take. */
export interface SchedulingPolicy {
  readonly order: SchedulingOrder;
  /** Milliseconds from one token of a stream to its next; infinite for steps of any length. */
  readonly interTokenTarget: number;
  /** Compute threads of the first steps. */
  readonly threads?: number;
}

/** First come, first served, in steps of any length. */
export const plainPolicy: SchedulingPolicy = { order: 'arrival', interTokenTarget: Infinity };

import type { Token } from './generation.js';
import type { Sequence } from './sequence.js';

/** What a step has room and time for beside the rows of the sequences that generate. */
export interface DraftRoom {
  /** Rows of drafts at most, of all sequences together. */
  readonly rows: number;
  /** Sequences that generate in the step, with and without drafts: each draws a token at least. */
  readonly generating: number;
  /** Milliseconds that the step is predicted to take with so many rows of drafts; prompt rows are not counted. */
  cost(rows: number): number;
}

/** Guesses how sequences go on, so that a step can verify several tokens of one at once. */
export interface Drafting {
  /**
   * @param sequences that may have drafts in the next step
   * @returns what may follow the tokens of some of them; no more than `room.rows` in all
   */
  draft(sequences: readonly Sequence[], room: DraftRoom): ReadonlyMap<Sequence, readonly Token[]>;
}

import type { Token } from '../core/generation.js';

/** A guess of what follows a sequence's tokens. */
export interface Draft {
  /** Most likely first token first; none when there is nothing to say. */
  readonly tokens: readonly Token[];
  /**
   * 0 to {@link grades} - 1: the higher, the more a drafter trusts it. How often drafts of a grade are right is measured;
   * that higher ones are so more often is not relied on.
   */
  readonly grade: number;
}

/** Grades of drafts, a count. */
export const grades = 3;

export const noDraft: Draft = { tokens: [], grade: 0 };

/**
 * Guesses how one sequence goes on. What is guessed is verified: a wrong guess costs time, and never changes a token.
 * Here draft models and the model's own prediction of several tokens (MTP) will plug in.
 */
export interface Drafter {
  /**
   * @param tokens of the sequence; those of the last call, and others behind them
   * @param most tokens to guess
   */
  propose(tokens: readonly Token[], most: number): Draft;
}

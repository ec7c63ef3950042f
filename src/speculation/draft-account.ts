/** Of the time that all steps take, so much may be spent on drafts that bring nothing. */
const allowance = 0.005;
/** Allowance is saved up for so many steps' time, and gains for so many; debts are forgotten beyond so many. */
const mostSaved = 1;
const mostGained = 4;
const mostOwed = 1;
/** A draft step that takes so many times as long as predicted says something of the machine, not of its drafts. */
const believable = 2;

/** What came of a step. */
export interface DraftOutcome {
  /** Milliseconds that it would have taken without drafts, as predicted. */
  readonly plain: number;
  /** Milliseconds that it was predicted to take with those it had. */
  readonly predicted: number;
  /** Milliseconds that it took; undefined when other rows were in it. */
  readonly measured: number | undefined;
  /** Sequences that would each have had a token without drafts. */
  readonly generating: number;
  /** Rows of drafts. */
  readonly drafted: number;
  /** Tokens beyond one for each sequence. */
  readonly accepted: number;
}

/**
 * Keeps book of what drafts cost and bring, in milliseconds of steps. While it is in debt there are no drafts; a small
 * share of all time pays debts off. So that drafts lose no more than that share, whatever was predicted of them, and as
 * much as they once gained.
 */
export class DraftAccount {
  #balance: number | undefined;

  /** Drafts may cost something. */
  get open(): boolean {
    return (this.#balance ?? 0) >= 0;
  }

  /** Milliseconds may be risked without a prospect of gain. */
  affords(milliseconds: number): boolean {
    return this.#balance !== undefined && this.#balance >= milliseconds;
  }

  settle({ plain, predicted, measured, generating, drafted, accepted }: DraftOutcome): void {
    if (!(plain > 0)) return;
    let balance = this.#balance ?? mostSaved * plain;
    const time = measured ?? predicted;
    if (balance < mostSaved * plain)
      balance = Math.min(mostSaved * plain, balance + allowance * Math.min(time, believable * predicted));
    if (drafted > 0) {
      const extra = Math.min(time, believable * predicted) - plain;
      balance += (accepted * plain) / generating - extra;
    }
    this.#balance = Math.max(-mostOwed * plain, Math.min(mostGained * plain, balance));
  }
}

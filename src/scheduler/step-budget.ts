import type { Sequence } from '../core/sequence.js';
import { attendedBy, noLoad, tileRows, type StepCost, type StepLoad } from './step-cost.js';

/** Prompts get at least this part of the target in a step, however long its generating rows take. */
const leastShare = 0.25;
/** Steps are stretched beyond the target so that prompts get this part of them: a long one takes 1/0.78 of its time. */
const promptShare = 0.78;
/** But to no more than so many times the target. */
export const mostStretch = 1.4;
/** Steps in which nobody generates may take so many times the target: a request that comes waits for the rest of one. */
const idlePatience = 4;
/** And so many times what a step costs without any rows, or that would be lost too often. */
const leastYield = 24;
/** Prompt rows of a step before any was measured. */
const firstRows = 64;
/** Prompt rows of a step at least: fewer take about as long. */
const leastRows = 4;
/** A step's rows are a multiple of the first of these that is at most an eighth of them, else of a tile. */
const roundings = [64, 16, 8] as const;

/** Milliseconds of one step, and how many prompt rows fit them. */
export class StepBudget {
  readonly #cost: StepCost;
  /** Milliseconds that the step may take with its prompt rows. */
  readonly #end: number;
  readonly #whole: boolean;
  #load: StepLoad;
  #prompts = 0;

  /**
   * @param target milliseconds from one token of a stream to its next; infinite for steps of any length
   * @param generating what the step computes already: rows of sequences that generate
   * @param whole prompts can not be computed in parts
   */
  constructor(
    cost: StepCost,
    { target, generating, whole }: { target: number; generating: StepLoad; whole: boolean },
  ) {
    this.#cost = cost;
    this.#load = generating;
    this.#whole = whole;
    if (generating.rows > 0) {
      const taken = cost.predict(generating);
      const stretched = Math.min(taken / (1 - promptShare), mostStretch * target);
      this.#end = Math.max(target, stretched, taken + leastShare * target);
    } else this.#end = Math.max(idlePatience * target, leastYield * cost.predict(noLoad));
  }

  /**
   * Prompt rows of a sequence that the step still has time for.
   * @param lacking rows that it lacks
   */
  rowsFor({ computed, results }: Sequence, lacking: number): number {
    if (this.#end === Infinity) return lacking;
    const fits = (rows: number): boolean =>
      this.#cost.predict(this.#with(computed, rows, results === undefined ? 0 : rows)) <= this.#end;
    if (this.#whole) return this.#prompts === 0 || fits(lacking) ? lacking : 0;
    if (!this.#cost.known) return Math.min(lacking, Math.max(0, firstRows - this.#prompts));
    if (fits(lacking)) return lacking;
    let [fitting, tooMany] = [0, lacking];
    while (tooMany - fitting > 1) {
      const rows = (fitting + tooMany) >> 1;
      if (fits(rows)) fitting = rows;
      else tooMany = rows;
    }
    const before = this.#load.rows;
    return Math.min(lacking, Math.max(0, leastRows - this.#prompts, rounded(before + fitting) - before));
  }

  /** The step computes the next rows of this sequence too. */
  take({ computed, results }: Sequence, rows: number): void {
    this.#prompts += rows;
    this.#load = this.#with(computed, rows, results === undefined ? 0 : rows);
  }

  /** @param results rows of them that may have results */
  #with(start: number, rows: number, results: number): StepLoad {
    const { rows: before, outputs, attended } = this.#load;
    return {
      rows: before + rows,
      outputs: outputs + results,
      attended: attended + attendedBy(start, rows),
    };
  }
}

function rounded(rows: number): number {
  const multiple = roundings.find((size) => size * 8 <= rows) ?? tileRows;
  return rows - (rows % multiple);
}

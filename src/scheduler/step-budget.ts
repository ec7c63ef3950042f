import type { Sequence } from '../core/sequence.js';
import { attendedBy, noLoad, tileRows, wideRows, type StepCost, type StepLoad } from './step-cost.js';

/** Prompts get at least this part of the target in a step, however long its generating rows take. */
const leastShare = 0.25;
/** Steps are stretched beyond the target so that prompts get this part of them: a long one takes 1/0.78 of its time. */
const promptShare = 0.78;
/** But to no more than so many times the target. */
export const mostStretch = 1.4;
/** A wide step may take so many times the target, */
const wideStretch = 1.85;
/** where each row takes no more than this part of what it takes in a narrow one: attention costs a fraction. */
const widerYield = 0.8;
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
  readonly #target: number;
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
    this.#target = target;
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
  rowsFor(sequence: Sequence, lacking: number): number {
    if (this.#end === Infinity) return lacking;
    const time = (rows: number): number => this.#timeWith(sequence, rows);
    if (this.#whole) return this.#prompts === 0 || time(lacking) <= this.#end ? lacking : 0;
    if (!this.#cost.known) return Math.min(lacking, Math.max(0, firstRows - this.#prompts));
    if (time(lacking) <= this.#end) return lacking;
    const before = this.#load.rows;
    const least = Math.max(0, leastRows - this.#prompts);
    const widening = Math.max(0, wideRows - before);
    const narrow = Math.max(least, this.#most(time, 0, Math.min(lacking, widening)));
    let rows = narrow;
    if (lacking >= widening) {
      if (time(widening) <= this.#end) rows = this.#most(time, widening, lacking);
      else if (this.#widens(sequence, narrow, widening)) rows = widening;
    }
    return Math.min(lacking, Math.max(least, rounded(before + rows) - before));
  }

  /** The most rows of a range that there is time for, of which the first are. */
  #most(time: (rows: number) => number, fitting: number, tooMany: number): number {
    if (tooMany - fitting <= 1) return fitting;
    const rows = (fitting + tooMany) >> 1;
    return time(rows) <= this.#end ? this.#most(time, rows, tooMany) : this.#most(time, fitting, rows);
  }

  /** A wide step takes longer than it should, but so much less for each row that it is worth it. */
  #widens(sequence: Sequence, narrow: number, widening: number): boolean {
    const taken = this.#cost.hope(this.#loadWith(sequence, widening));
    return (
      taken <= wideStretch * this.#target &&
      taken / widening < (widerYield * this.#timeWith(sequence, narrow)) / Math.max(1, narrow)
    );
  }

  #timeWith(sequence: Sequence, rows: number): number {
    return this.#cost.predict(this.#loadWith(sequence, rows));
  }

  #loadWith({ computed, results }: Sequence, rows: number): StepLoad {
    return this.#with(computed, rows, results === undefined ? 0 : rows);
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

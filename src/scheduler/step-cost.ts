import { firstOutput, type Batch } from '../core/batch.js';
import { LinearEstimate } from './linear-estimate.js';

/** What a step has to compute, as far as its time depends on it. */
export interface StepLoad {
  readonly rows: number;
  /** Rows with results. */
  readonly outputs: number;
  /** Tokens that the rows attend to, summed over the rows. */
  readonly attended: number;
}

export const noLoad: StepLoad = { rows: 0, outputs: 0, attended: 0 };

/** Tokens attended to are counted in these, so that a coefficient is the cost of one row this far into a sequence. */
const attendedUnit = 1024;

/** No step takes less, whatever a clock says; milliseconds. */
const leastTime = 1e-3;
/** The rest of a longer one was the machine's sleep. */
const mostTime = 600_000;

/** Matrix products are computed for so many rows at a time: what is left over costs about as much as all of them. */
export const tileRows = 4;

/** From so many rows on a step is wide: llama.cpp computes attention in tiles then, several times as fast on processors. */
export const wideRows = 64;

/** Attention in wide steps takes about this part of what it takes in narrow ones, as measured on processors. */
const usualShare = 0.3;
/** After so many steps, what was measured of wide ones is worth another try. */
const stepsOfMemory = 300;

/** How many rows each part of a step may cost when nothing but one step was measured: how far the guess may be off. */
const firstDeviations = { step: 16, row: 1, output: 1, narrow: 1, wide: 1, single: 1 } as const;

/**
 * What steps cost, learned from those that were measured: a constant, and something for each row, each result and each
 * token that a row attends to, which is less in wide steps. A step of a single row is another computation, of matrices with a vector, and has a cost of
 * its own: as part of the sum it would be the outlier of every single stream. What was learned with another number of compute threads is kept apart.
 */
export class StepCost {
  /** By the number of threads. */
  readonly #estimates = new Map<number, LinearEstimate>();
  #threads: number;
  /** Steps that were measured, a count, which of them was the last wide one, and what that attended to. */
  #steps = 0;
  #lastWide = -Infinity;
  #lastAttended = 0;

  /** @param threads compute threads of the steps to come */
  constructor(threads = 1) {
    this.#threads = threads;
  }

  /** A step was measured. */
  get known(): boolean {
    return this.#estimates.has(this.#threads);
  }

  /** Steps are computed by so many threads from now on. */
  setThreads(threads: number): void {
    const before = this.#estimates.get(this.#threads);
    if (before !== undefined && !this.#estimates.has(threads)) {
      // Rows are arithmetic, which threads share; the rest of a step waits for memory, which they share too.
      const factor = this.#threads / threads;
      this.#estimates.set(threads, before.scaled([1, factor, factor, factor, factor, 1]));
    }
    this.#threads = threads;
  }

  /** A step took so many milliseconds. */
  learn(load: StepLoad, milliseconds: number): void {
    if (load.rows < 1 || !(milliseconds >= leastTime)) return;
    this.#steps++;
    if (load.rows >= wideRows) [this.#lastWide, this.#lastAttended] = [this.#steps, load.attended];
    const taken = Math.min(mostTime, milliseconds);
    let estimate = this.#estimates.get(this.#threads);
    if (estimate === undefined || estimate.lost) {
      const perRow = taken / load.rows;
      const { step, row, output, narrow, wide, single } = firstDeviations;
      const deviations = [step, row, output, narrow, wide, single].map((rows) => rows * perRow);
      estimate = new LinearEstimate([0, perRow, 0, 0, 0, perRow], deviations);
      this.#estimates.set(this.#threads, estimate);
    }
    estimate.learn(amounts(load), taken);
  }

  /** Milliseconds that a step will take; 0 as long as none was measured. */
  predict(load: StepLoad): number {
    return this.#estimates.get(this.#threads)?.predict(amounts(load)) ?? 0;
  }

  /**
   * As {@link predict}, but when no wide step was measured for long that attends to about as much, as if attention in
   * wide steps cost as little as it usually does. What was learned of it from steps that attend to little, or from a
   * disturbed one, can be far too much; and what is not tried is not unlearned.
   */
  hope(load: StepLoad): number {
    const estimate = this.#estimates.get(this.#threads);
    const of = amounts(load);
    if (estimate === undefined) return 0;
    if (this.#steps - this.#lastWide <= stepsOfMemory && load.attended <= 2 * this.#lastAttended)
      return estimate.predict(of);
    const { [narrowAttention]: narrow = 0, [wideAttention]: wide = 0 } = estimate.coefficients;
    const excess = Math.max(0, wide - usualShare * narrow);
    return estimate.predict(of) - excess * (of[wideAttention] ?? 0);
  }
}

/** The load of a batch. */
export function loadOf({ spans, rows, embeds }: Batch): StepLoad {
  let [outputs, attended] = [0, 0];
  for (const span of spans) {
    outputs += span.tokens.length - (embeds === true ? 0 : firstOutput(span));
    attended += attendedBy(span.start, span.tokens.length);
  }
  return { rows, outputs, attended };
}

/** Tokens that consecutive rows of a sequence attend to, each to itself and all before it. */
export function attendedBy(start: number, rows: number): number {
  return rows * start + (rows * (rows + 1)) / 2;
}

/** Where the costs of attention are among the {@link amounts}. */
const [narrowAttention, wideAttention] = [3, 4] as const;

function amounts({ rows, outputs, attended }: StepLoad): number[] {
  const reach = attended / attendedUnit;
  if (rows === 1) return [0, 0, 0, reach, 0, 1];
  const [narrow, wide] = rows < wideRows ? [reach, 0] : [0, reach];
  return [1, Math.ceil(rows / tileRows) * tileRows, outputs, narrow, wide, 0];
}

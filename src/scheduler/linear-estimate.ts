/** Part of a measured value that is noise, a standard deviation. */
const noiseShare = 0.08;
/** Part of a coefficient that it may change from one measurement to the next, a standard deviation. */
const driftShare = 0.02;
/** A coefficient is never thought to be more uncertain than this part of itself by drifting alone. */
const mostDrift = 0.5;
/** Measurements further off than so many standard deviations move the estimate no more than if they were that far off. */
const outlierLimit = 3;
/** No sum is less. */
export const leastCost = 1e-6;
/** So many outliers in a row are no chance: a change of the machine, or an estimate that is wrong. */
const outliersOfChange = 3;

/**
 * Coefficients of a sum of costs, learned from measurements of such sums, one by one.
 *
 * A Kalman filter whose coefficients take a random walk: recursive least squares that forgets only what measurements
 * renew. Plain forgetting would lose what prompt rows cost during a thousand steps without any. Measurements are noisy
 * in proportion to their size. Single outliers, such as a pause of the machine, are clipped (Huber, 1964); several in a
 * row that are all too high, or all too low, are a machine that became slower or faster in all it does; several to both
 * sides, an estimate that is {@link lost}.
 */
export class LinearEstimate {
  /** What measurements say, whether it makes sense or not. */
  #means: readonly number[];
  /** What can be made of that: none is negative. */
  #coefficients: readonly number[];
  /** Covariance of the coefficients. */
  #uncertainty: number[][];
  /** Outliers in a row that were too high, and that were too low. */
  #streak = { high: 0, low: 0 };
  #lost = false;

  /** @param deviations how far off each coefficient may be, a standard deviation */
  constructor(coefficients: readonly number[], deviations: readonly number[]) {
    this.#means = coefficients;
    this.#coefficients = coefficients;
    this.#uncertainty = diagonal(deviations);
  }

  get coefficients(): readonly number[] {
    return this.#coefficients;
  }

  /** What is measured does not fit it at all: better to begin with another. */
  get lost(): boolean {
    return this.#lost;
  }

  /** The sum that is expected for these amounts, one for each coefficient. */
  predict(amounts: readonly number[]): number {
    return dot(this.#coefficients, amounts);
  }

  /**
   * Learns from a sum that was measured.
   * @param measured not less than {@link leastCost}, or it says nothing
   */
  learn(amounts: readonly number[], measured: number): void {
    if (!(measured >= leastCost)) return;
    this.#drift();
    const expected = this.predict(amounts);
    const noise = (noiseShare * Math.max(expected, leastCost)) ** 2;
    const spread = this.#uncertainty.map((row) => dot(row, amounts));
    const variance = Math.max(0, dot(spread, amounts)) + noise;
    const limit = outlierLimit * Math.sqrt(variance);
    const error = measured - dot(this.#means, amounts);
    const gain = Math.min(1, limit / Math.abs(error)) / variance;
    this.#means = this.#means.map((value, index) => value + (spread[index] ?? 0) * gain * error);
    this.#uncertainty = this.#uncertainty.map((row, index) =>
      row.map((value, column) => value - (spread[index] ?? 0) * (spread[column] ?? 0) * gain),
    );
    this.#coefficients = withoutNegative(this.#means, this.#uncertainty);
    this.#watch(measured, expected, limit);
  }

  /**
   * The same estimate on another machine, as it were.
   * @param factors what each coefficient is thought to be multiplied with
   */
  scaled(factors: readonly number[]): LinearEstimate {
    const coefficients = this.#coefficients.map((value, index) => value * (factors[index] ?? 1));
    const deviations = coefficients.map((value, index) =>
      Math.max(value * mostDrift, Math.sqrt(this.#uncertainty[index]?.[index] ?? 0)),
    );
    return new LinearEstimate(coefficients, deviations);
  }

  #drift(): void {
    for (const [index, coefficient] of this.#coefficients.entries()) {
      const row = this.#uncertainty[index];
      const variance = row?.[index] ?? 0;
      if (row !== undefined && variance < (mostDrift * coefficient) ** 2) {
        row[index] = variance + (driftShare * coefficient) ** 2;
      }
    }
  }

  #watch(measured: number, expected: number, limit: number): void {
    const error = measured - expected;
    if (Math.abs(error) <= limit) {
      this.#streak = { high: 0, low: 0 };
      return;
    }
    const { high, low } = (this.#streak = {
      high: this.#streak.high + Number(error > 0),
      low: this.#streak.low + Number(error < 0),
    });
    if (high + low < outliersOfChange) return;
    this.#streak = { high: 0, low: 0 };
    if ((high > 0 && low > 0) || expected < leastCost) this.#lost = true;
    else this.#rescale(measured / expected);
  }

  /** Whatever it is that became slower or faster, all of it most likely did. */
  #rescale(factor: number): void {
    const deviations = this.#coefficients.map((value, index) =>
      Math.max(value, Math.sqrt(this.#uncertainty[index]?.[index] ?? 0)),
    );
    this.#coefficients = this.#coefficients.map((value) => value * factor);
    this.#means = this.#coefficients;
    this.#uncertainty = diagonal(deviations.map((deviation) => deviation * factor));
  }
}

/**
 * The means of coefficients of which none is negative: those that would be are 0, and the others what is to be expected
 * of them then. To cut negative ones off would leave the rest with what these had made up for.
 */
function withoutNegative(
  means: readonly number[],
  uncertainty: readonly (readonly number[])[],
): readonly number[] {
  let [given, spread] = [means, uncertainty];
  for (let left = means.length; left > 0; left--) {
    const index = given.findIndex((value) => value < 0);
    const [column, value] = [spread[index], given[index]];
    const variance = column?.[index] ?? 0;
    if (column === undefined || value === undefined) return given;
    const share = column.map((covariance) => (variance > 0 ? covariance / variance : 0));
    given = given.map((mean, line) => (line === index ? 0 : mean - (share[line] ?? 0) * value));
    spread = spread.map((row, line) =>
      row.map((each, place) => each - (share[line] ?? 0) * (column[place] ?? 0)),
    );
  }
  return given.map((value) => Math.max(0, value));
}

/** The covariance of coefficients that say nothing of each other. */
function diagonal(deviations: readonly number[]): number[][] {
  return deviations.map((deviation, row) =>
    deviations.map((_, column) => (row === column ? deviation ** 2 : 0)),
  );
}

function dot(left: readonly number[], right: readonly number[]): number {
  return left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0);
}

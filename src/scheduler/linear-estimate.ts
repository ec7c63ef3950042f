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
 * sides, an estimate that is {@link lost}. Costs are never negative.
 */
export class LinearEstimate {
  readonly #coefficients: number[];
  /** Covariance of the coefficients. */
  #uncertainty: number[][];
  /** Outliers in a row that were too high, and that were too low. */
  #streak = { high: 0, low: 0 };
  #lost = false;

  /** @param deviations how far off each coefficient may be, a standard deviation */
  constructor(coefficients: readonly number[], deviations: readonly number[]) {
    this.#coefficients = [...coefficients];
    this.#uncertainty = deviations.map((deviation, row) =>
      deviations.map((_, column) => (row === column ? deviation ** 2 : 0)),
    );
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
    const spread = this.#uncertainty.map((row) => dot(row, amounts));
    const variance = Math.max(0, dot(spread, amounts)) + (noiseShare * Math.max(expected, leastCost)) ** 2;
    const limit = outlierLimit * Math.sqrt(variance);
    const error = measured - expected;
    const gain = Math.min(1, limit / Math.abs(error)) / variance;
    for (const [index, value] of spread.entries()) {
      const coefficient = this.#coefficients[index] ?? 0;
      this.#coefficients[index] = Math.max(0, coefficient + value * gain * error);
    }
    this.#uncertainty = this.#uncertainty.map((row, index) =>
      row.map((value, column) => value - (spread[index] ?? 0) * (spread[column] ?? 0) * gain),
    );
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
    for (const [index, coefficient] of this.#coefficients.entries()) {
      const changed = coefficient * factor;
      this.#coefficients[index] = changed;
      const row = this.#uncertainty[index];
      if (row !== undefined) row[index] = Math.max(row[index] ?? 0, changed ** 2);
    }
  }
}

function dot(left: readonly number[], right: readonly number[]): number {
  return left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0);
}

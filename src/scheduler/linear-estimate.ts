/** Part of a measured value that is noise, a standard deviation. */
const noiseShare = 0.08;
/** Part of a coefficient that it may change from one measurement to the next, a standard deviation. */
const driftShare = 0.02;
/** A coefficient is never thought to be more uncertain than this part of itself by drifting alone. */
const mostDrift = 0.5;
/** Measurements further off than so many standard deviations count no more than if they were that far off. */
const outlierLimit = 3;
/** So many outliers in a row, all too high or all too low, are a change of the machine. */
const outliersOfChange = 3;

/**
 * Coefficients of a sum of costs, learned from measurements of such sums, one by one.
 *
 * A Kalman filter whose coefficients take a random walk: recursive least squares that forgets only what measurements
 * renew. Plain forgetting would lose what prompt rows cost during a thousand steps without any. Measurements are noisy
 * in proportion to their size. Single outliers, such as a pause of the machine, are clipped (Huber, 1964); several in a
 * row make all coefficients uncertain, so that the next measurements decide. Costs are never negative.
 */
export class LinearEstimate {
  readonly #coefficients: number[];
  /** Covariance of the coefficients. */
  #uncertainty: number[][];
  /** Outliers in a row: above zero when the measurements were too high, below when they were too low. */
  #streak = 0;

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

  /** The sum that is expected for these amounts, one for each coefficient. */
  predict(amounts: readonly number[]): number {
    return dot(this.#coefficients, amounts);
  }

  /** Learns from a sum that was measured. */
  learn(amounts: readonly number[], measured: number): void {
    this.#drift();
    const expected = this.predict(amounts);
    const spread = this.#uncertainty.map((row) => dot(row, amounts));
    const variance = dot(spread, amounts) + (noiseShare * Math.max(expected, Number.MIN_VALUE)) ** 2;
    if (!(variance > 0)) return;
    const limit = outlierLimit * Math.sqrt(variance);
    const error = Math.max(-limit, Math.min(limit, measured - expected));
    for (const [index, value] of spread.entries()) {
      const coefficient = this.#coefficients[index] ?? 0;
      this.#coefficients[index] = Math.max(0, coefficient + (value / variance) * error);
    }
    this.#uncertainty = this.#uncertainty.map((row, index) =>
      row.map((value, column) => value - ((spread[index] ?? 0) * (spread[column] ?? 0)) / variance),
    );
    this.#watch(measured - expected, limit);
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

  #watch(error: number, limit: number): void {
    if (Math.abs(error) <= limit) this.#streak = 0;
    else this.#streak = Math.sign(error) + (Math.sign(error) === Math.sign(this.#streak) ? this.#streak : 0);
    if (Math.abs(this.#streak) < outliersOfChange) return;
    this.#streak = 0;
    for (const [index, coefficient] of this.#coefficients.entries()) {
      const row = this.#uncertainty[index];
      if (row !== undefined) row[index] = Math.max(row[index] ?? 0, coefficient ** 2);
    }
  }
}

function dot(left: readonly number[], right: readonly number[]): number {
  return left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0);
}

/** Observations, counted by bucket. Observing allocates nothing. */
export class BucketCounts {
  readonly #bounds: readonly number[];
  /** Not cumulative; the last one counts what is above all bounds. */
  readonly #counts: Float64Array;
  #sum = 0;

  /** @param bounds upper bounds, rising */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** @param times how often this value was observed */
  observe(value: number, times = 1): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] ?? Infinity)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + times;
    this.#sum += value * times;
  }

  get sum(): number {
    return this.#sum;
  }

  /** Observations up to each bound; the last entry is all of them. */
  get cumulative(): readonly number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => (total += count));
  }
}

import type { Pooling } from '../core/embedding.js';

/** Makes one embedding of those of an input's tokens, which come in order. Sums are in double precision. */
export class RowPool {
  readonly #pooling: Pooling;
  readonly #sum: Float64Array;
  #count = 0;

  /** @param size numbers in an embedding */
  constructor(pooling: Pooling, size: number) {
    this.#pooling = pooling;
    this.#sum = new Float64Array(size);
  }

  /** The embedding of the next token; of the last one alone where `last` is all that counts. */
  add(row: Float32Array): void {
    this.#count++;
    if (this.#pooling === 'first' && this.#count > 1) return;
    for (let index = 0; index < this.#sum.length; index++) {
      const before = this.#pooling === 'mean' ? (this.#sum[index] ?? 0) : 0;
      this.#sum[index] = before + (row[index] ?? 0);
    }
  }

  /** @param normalize to length 1, if it has any */
  result(normalize: boolean): Float32Array {
    let squares = 0;
    for (const value of this.#sum) squares += value * value;
    const mean = this.#pooling === 'mean' ? this.#count : 1;
    const divisor = normalize && squares > 0 ? Math.sqrt(squares) : mean;
    return Float32Array.from(this.#sum, (value) => value / divisor);
  }
}

import type { Measurement } from './work.js';

/**
 * Inputs of a request that the scheduler has not been given yet. It gets as many as can run at once, and one more for
 * each that is done: a request with many inputs stands in the queue again and again, so that it does not keep later
 * requests waiting for all of them, and no more than that is tokenized at a time.
 */
export class InputQueue {
  readonly #count: number;
  readonly #begin: (index: number) => Measurement;
  #next = 0;

  /**
   * @param count inputs in all
   * @param begin reads the input of an index, from 0, and makes work of it; may throw a HeddleError
   */
  constructor(count: number, begin: (index: number) => Measurement) {
    this.#count = count;
    this.#begin = begin;
  }

  /** The next input; undefined when there is none. @throws HeddleError why it can not be worked on */
  take(): Measurement | undefined {
    return this.#next < this.#count ? this.#begin(this.#next++) : undefined;
  }
}

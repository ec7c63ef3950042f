import type { Token } from '../core/generation.js';

const firstSize = 1 << 10;
/** Places in a table at most: 256 KiB. */
const lastSize = 1 << 16;

/**
 * Where each n-gram of a growing list of tokens occurred last. Its memory is bounded: n-grams that fall on the same place
 * push each other out, so what it finds is compared, and what it does not find may have been there long ago.
 */
export class NgramTable {
  readonly #length: number;
  /** By hash: behind the last occurrence of an n-gram; 0 for none. */
  #places = new Int32Array(firstSize);
  /** N-grams that end before this position are in the table. */
  #known = 0;

  /** @param length tokens of an n-gram */
  constructor(length: number) {
    this.#length = length;
  }

  /**
   * The position behind the last earlier occurrence of the n-gram that the list ends with; undefined when none is known.
   * Takes time in proportion to the tokens that are new.
   * @param tokens those of the last call, and others behind them
   */
  find(tokens: readonly Token[]): number | undefined {
    const end = tokens.length;
    while (end > this.#places.length && this.#places.length < lastSize) {
      this.#places = new Int32Array(this.#places.length * 2);
      this.#known = 0;
    }
    for (let position = Math.max(this.#known, this.#length); position < end; position++)
      this.#places[this.#place(tokens, position)] = position;
    this.#known = end;
    if (end < this.#length) return undefined;
    const found = this.#places[this.#place(tokens, end)] ?? 0;
    return found > 0 && commonBefore(tokens, found, this.#length) === this.#length ? found : undefined;
  }

  #place(tokens: readonly Token[], end: number): number {
    let hash = 0;
    for (let index = end - this.#length; index < end; index++)
      hash = Math.imul(hash ^ ((tokens[index] ?? 0) + 0x9e37), 0x9e3779b1) ^ (hash >>> 15);
    return (hash ^ (hash >>> 16)) & (this.#places.length - 1);
  }
}

/** Tokens before a position that are the same as those at the end of the list, up to `most`. */
export function commonBefore(tokens: readonly Token[], position: number, most: number): number {
  let common = 0;
  while (
    common < most &&
    common < position &&
    tokens[position - 1 - common] === tokens[tokens.length - 1 - common]
  )
    common++;
  return common;
}

import type { Item } from './item.js';

/**
 * What was said up to the end of a response: a list that shares its beginning with those of the responses before. Held by
 * the response that it ends with and by the histories that go on from it; what nobody holds is given back.
 */
export class History {
  readonly #before: History | undefined;
  readonly #own: readonly Item[];
  readonly #bytes: number;
  #holders = 0;

  /** @param own what was said since `before`; its size is measured once */
  constructor(before: History | undefined, own: readonly Item[]) {
    this.#before = before;
    this.#own = own;
    this.#bytes = Buffer.byteLength(JSON.stringify(own));
  }

  /** All of it, from the beginning. */
  items(): Item[] {
    return [...History.#back(this)].toReversed().flatMap((at) => at.#own);
  }

  /** @returns bytes that are held for it now, and were not before */
  hold(): number {
    let bytes = 0;
    for (const at of History.#back(this)) {
      if (at.#holders++ > 0) break;
      bytes += at.#bytes;
    }
    return bytes;
  }

  /** @returns bytes that nobody holds any more */
  release(): number {
    let bytes = 0;
    for (const at of History.#back(this)) {
      if (--at.#holders > 0) break;
      bytes += at.#bytes;
    }
    return bytes;
  }

  /** From the end to the beginning; not recursive, since there can be more turns than a stack has frames. */
  static *#back(end: History): Generator<History> {
    for (let at: History | undefined = end; at !== undefined; at = at.#before) yield at;
  }
}

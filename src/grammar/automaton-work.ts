/** The conditions together come to more than can be computed. */
export class AutomatonTooLarge extends Error {}

/**
 * What computing automata may still take, counted in what is looked at: states, jumps, edges, ranges of characters. A
 * million are some tenths of a second.
 */
export class AutomatonWork {
  readonly #most: number;
  readonly #whole: AutomatonWork | undefined;
  #spent = 0;

  /** @param whole what this is a part of, and is spent from too */
  constructor(most: number, whole?: AutomatonWork) {
    this.#most = most;
    this.#whole = whole;
  }

  /** A count. */
  get spent(): number {
    return this.#spent;
  }

  /** What something else took is told, whatever is left: it has a limit of its own. */
  add(count: number): void {
    this.#spent += count;
    this.#whole?.add(count);
  }

  /** @throws AutomatonTooLarge when there is not as much left */
  spend(count: number): void {
    this.#spent += count;
    this.#whole?.spend(count);
    if (this.#spent > this.#most) throw new AutomatonTooLarge();
  }
}

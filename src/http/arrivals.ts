type Arrival<Value> = { readonly value: Value } | { readonly error: unknown };

/**
 * What promises come to, in the order in which they settle, for one reader. A promise that is added is heard once, however
 * many others are read before it: `Promise.race` would leave something at it each time.
 */
export class Arrivals<Value> {
  readonly #arrived: Arrival<Value>[] = [];
  #wake: (() => void) | undefined;
  /** Promises that were not read yet. */
  #open = 0;

  /** How many there are still to read. */
  get open(): number {
    return this.#open;
  }

  /** Hears a promise. One that rejects while nobody reads has been heard too. */
  add(promise: Promise<Value>): void {
    this.#open++;
    promise.then(
      (value) => this.#arrive({ value }),
      (error: unknown) => this.#arrive({ error }),
    );
  }

  /** Waits for the next one, of which there must be one that is open. @throws what that one rejects with */
  async next(): Promise<Value> {
    while (this.#arrived.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    const [arrival] = this.#arrived.splice(0, 1) as [Arrival<Value>];
    this.#open--;
    if ('error' in arrival) throw arrival.error;
    return arrival.value;
  }

  #arrive(arrival: Arrival<Value>): void {
    this.#arrived.push(arrival);
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** What a token of each kind counts: those generated take a step each. */
const weights = { prompt: 1, generated: 2 } as const;

/** Keys that may be kept without any work of theirs. */
const mostIdleKeys = 1024;

interface Account {
  /** Weighted tokens that were served. */
  served: number;
  /** Sequences of the key that have not ended. */
  sequences: number;
  /** Those of them that wait. */
  waiting: number;
}

/**
 * Weighted tokens served to each fairness key: whose is lowest goes first.
 *
 * The virtual token counter of Sheng et al., Fairness in Serving Large Language Models (OSDI 2024), algorithm 2. A key
 * that had nothing waiting is lifted to the lowest of those that have, so that nobody saves up turns; when nothing waits,
 * to that of the last key that had.
 */
export class ServedTokens {
  readonly #accounts = new Map<string, Account>();
  /** Tokens of the key whose work was the last to wait. */
  #last = 0;

  /** Weighted tokens that were served to a key, or counted as if they were. */
  of(key: string): number {
    return this.#accounts.get(key)?.served ?? 0;
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#accounts.size;
  }

  /** A sequence of the key begins to wait. */
  arrived(key: string): void {
    const account = this.#account(key);
    account.sequences++;
    this.waits(key);
  }

  /** A sequence of the key that was there waits, for the first time or again. */
  waits(key: string): void {
    const account = this.#account(key);
    if (account.waiting === 0) account.served = Math.max(account.served, this.#floor());
    account.waiting++;
  }

  /** A sequence of the key waits no longer. */
  admitted(key: string): void {
    const account = this.#account(key);
    account.waiting--;
    this.#last = account.served;
  }

  /** A sequence of the key ended, which did not wait. */
  left(key: string): void {
    this.#account(key).sequences--;
    if (this.#accounts.size > mostIdleKeys) this.#forget();
  }

  promptServed(key: string, tokens: number): void {
    this.#account(key).served += weights.prompt * tokens;
  }

  generated(key: string, tokens: number): void {
    this.#account(key).served += weights.generated * tokens;
  }

  #floor(): number {
    let least = Infinity;
    for (const { served, waiting } of this.#accounts.values())
      if (waiting > 0) least = Math.min(least, served);
    return least === Infinity ? this.#last : least;
  }

  /** Whoever has no more than what newcomers are lifted to needs no account; of the others the lowest go. */
  #forget(): void {
    const idle = [...this.#accounts].filter(([, { sequences }]) => sequences === 0);
    idle.sort(([, left], [, right]) => left.served - right.served);
    const floor = this.#floor();
    for (const [place, [key, { served }]] of idle.entries()) {
      if (served <= floor || place < idle.length - mostIdleKeys / 2) this.#accounts.delete(key);
    }
  }

  #account(key: string): Account {
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = { served: 0, sequences: 0, waiting: 0 };
      this.#accounts.set(key, account);
    }
    return account;
  }
}

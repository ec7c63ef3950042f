/** How many requests of each key are being answered at the moment. */
export class RunningRequests {
  readonly #counts = new Map<string, number>();

  of(who: string): number {
    return this.#counts.get(who) ?? 0;
  }

  /** Counts one more until the returned function is called, which may be called again. */
  enter(who: string): () => void {
    this.#counts.set(who, this.of(who) + 1);
    let running = true;
    return () => {
      if (!running) return;
      running = false;
      const left = this.of(who) - 1;
      if (left > 0) this.#counts.set(who, left);
      else this.#counts.delete(who);
    };
  }
}

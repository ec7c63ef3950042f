/**
 * Notices when somebody who is asked something says nothing for too long. An event loop that was blocked hears late:
 * what has arrived by the time that it runs again is heard before silence is declared.
 */
export class SilenceWatch {
  readonly #patience: number;
  readonly #onSilence: () => void;
  #timer: NodeJS.Timeout | undefined;
  #heardAt = 0;
  #silent = false;

  /** @param patience milliseconds */
  constructor(patience: number, onSilence: () => void) {
    this.#patience = patience;
    this.#onSilence = onSilence;
  }

  /** Whether silence was declared, and nothing heard since. */
  get silent(): boolean {
    return this.#silent;
  }

  /** Something was asked. */
  begin(): void {
    if (this.#timer !== undefined) return;
    this.#heardAt = performance.now();
    this.#wait(this.#patience);
  }

  /** Something was said. */
  heard(): void {
    this.#heardAt = performance.now();
    this.#silent = false;
  }

  /** Nothing is asked any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => setImmediate(() => this.#look()), ms);
  }

  #look(): void {
    if (this.#timer === undefined) return;
    const left = this.#heardAt + this.#patience - performance.now();
    if (left > 0) {
      this.#wait(left);
      return;
    }
    this.#timer = undefined;
    this.#silent = true;
    this.#onSilence();
  }
}

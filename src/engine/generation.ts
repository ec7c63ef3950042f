import type { AcceptedUpdate, ChoiceUpdate, StartedUpdate } from '../core/generation.js';
import type { HeddleError } from '../core/errors.js';

/** An update of a request that is going well; failures are thrown. */
export type GenerationUpdate = AcceptedUpdate | StartedUpdate | ChoiceUpdate;

/**
 * The updates of one request, for its one reader. Output waits here, in the gateway, for as long as the reader likes:
 * the engine never does. Ends after the last choice finished; throws a {@link HeddleError} when the request failed.
 * A reader that stops early, by `break` or by {@link cancel}, stops the work.
 */
export class Generation<Update = GenerationUpdate> implements AsyncIterableIterator<Update> {
  readonly #updates: Update[] = [];
  readonly #onCancel: () => void;
  #waiting: { resolve(result: IteratorResult<Update>): void; reject(error: unknown): void } | undefined;
  #ended = false;
  #error: HeddleError | undefined;

  /** @param onCancel called at most once, when the reader stops before the end */
  constructor(onCancel: () => void) {
    this.#onCancel = onCancel;
  }

  /** The engine's side: another update. */
  push(update: Update): void {
    if (this.#ended) return;
    if (this.#waiting === undefined) this.#updates.push(update);
    else this.#waiting.resolve({ done: false, value: update });
    this.#waiting = undefined;
  }

  /** The engine's side: the last update was pushed, or the request failed. */
  end(error?: HeddleError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    if (this.#waiting !== undefined) {
      if (error === undefined) this.#waiting.resolve({ done: true, value: undefined });
      else this.#waiting.reject(error);
      this.#waiting = undefined;
      this.#error = undefined;
    }
  }

  /** Stops the work, if any is left. The reader sees the end at once; unread updates are dropped. */
  cancel(): void {
    if (!this.#ended) {
      this.end();
      this.#onCancel();
    }
    this.#updates.length = 0;
    this.#error = undefined;
  }

  async next(): Promise<IteratorResult<Update>> {
    const update = this.#updates.shift();
    if (update !== undefined) return { done: false, value: update };
    if (this.#error !== undefined) {
      const error = this.#error;
      this.#error = undefined;
      throw error;
    }
    if (this.#ended) return { done: true, value: undefined };
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  // oxlint-disable-next-line typescript/require-await -- the iterator protocol asks for a promise
  async return(): Promise<IteratorResult<Update>> {
    this.cancel();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

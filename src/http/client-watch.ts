import type { ServerResponse } from 'node:http';
import { HeddleError } from '../core/errors.js';

/** Notices when the client of a response goes away before it is complete. */
export class ClientWatch {
  readonly #left = new AbortController();

  constructor(response: ServerResponse) {
    response.once('close', () => {
      if (response.writableFinished) return;
      this.#left.abort();
    });
  }

  /** Aborted when the client goes away. */
  get signal(): AbortSignal {
    return this.#left.signal;
  }

  get gone(): boolean {
    return this.#left.signal.aborted;
  }

  /** Calls back when the client goes away; at once when it has gone already. */
  onGone(callback: () => void): void {
    if (this.gone) callback();
    else this.#left.signal.addEventListener('abort', callback, { once: true });
  }

  /** @throws HeddleError `request_cancelled` when the client has gone */
  check(): void {
    if (this.gone) throw new HeddleError('request_cancelled', 'The client closed the connection.');
  }
}

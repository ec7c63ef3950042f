import type { ServerResponse } from 'node:http';
import { HeddleError } from '../core/errors.js';

/** Notices when the client of a response goes away before it is complete. */
export class ClientWatch {
  #gone = false;
  #onGone: (() => void) | undefined;

  constructor(response: ServerResponse) {
    response.once('close', () => {
      if (response.writableFinished) return;
      this.#gone = true;
      this.#onGone?.();
    });
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Calls back when the client goes away; at once when it has gone already. */
  onGone(callback: () => void): void {
    this.#onGone = callback;
    if (this.#gone) callback();
  }

  /** @throws HeddleError `request_cancelled` when the client has gone */
  check(): void {
    if (this.#gone) throw new HeddleError('request_cancelled', 'The client closed the connection.');
  }
}

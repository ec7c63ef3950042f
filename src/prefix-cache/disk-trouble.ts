import { systemCode } from './disk-fs.js';
import { Counter, type Counts } from './disk-stats.js';

/** Writing is tried again so long after the operating system refused, milliseconds. */
const pauseMs = 5_000;

/** What fails on disk: counted, and never thrown on. After a failed write nothing is written for a while. */
export class DiskTrouble {
  readonly #now: () => number;
  readonly #errors = new Counter<string>();
  #pause: { readonly since: number; readonly reason: string } | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Does what may fail. That a file is not there is an answer, not a failure. */
  attempt<T>(operation: string, body: () => T): T | undefined {
    try {
      return body();
    } catch (error) {
      this.count(operation, error);
      return undefined;
    }
  }

  count(operation: string, error: unknown): void {
    const code = systemCode(error);
    if (code !== 'ENOENT' || operation === 'write') this.#errors.add(`${operation}:${code}`);
  }

  /** Failed system calls by operation and code, such as `write:ENOSPC`. */
  get errors(): Counts<string> {
    return this.#errors.counts;
  }

  pause(reason: string): void {
    this.#pause = { since: this.#now(), reason };
  }

  resume(): void {
    this.#pause = undefined;
  }

  /** A clock that was put back ends a pause. */
  get paused(): boolean {
    if (this.#pause === undefined) return false;
    const elapsed = this.#now() - this.#pause.since;
    return elapsed >= 0 && elapsed < pauseMs;
  }

  /** Why nothing was written when it was last tried. */
  get reason(): string | undefined {
    return this.#pause?.reason;
  }
}

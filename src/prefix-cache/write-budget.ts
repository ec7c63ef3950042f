import { join } from 'node:path';
import { systemCode, type DiskFs } from './disk-fs.js';

/** Bytes that one byte of a counter file stands for. */
const unit = 64 * 1024;
const dayMs = 24 * 60 * 60 * 1000;

/**
 * Bytes that all processes together may write into a directory in a day (UTC). The counter is the size of a file: a
 * writer appends before it writes, and appends of several processes add up without a lock, also across restarts.
 */
export class WriteBudget {
  readonly #folder: string;
  readonly #limit: number;
  readonly #fs: DiskFs;
  readonly #now: () => number;
  #day = '';
  /** Bytes of the last unit that are reserved and not used. */
  #carry = 0;

  /** @param limit bytes for each day */
  constructor(folder: string, limit: number, fs: DiskFs, now: () => number) {
    this.#folder = folder;
    this.#limit = limit;
    this.#fs = fs;
    this.#now = now;
  }

  /** Reserves bytes of today's budget. @returns false when it does not allow them. @throws system errors */
  reserve(bytes: number): boolean {
    if (this.#limit === Infinity) return true;
    this.#turnDay();
    const needed = Math.max(0, Math.ceil((bytes - this.#carry) / unit));
    if (this.#spent() + needed * unit > this.#limit) return false;
    if (needed > 0) this.#fs.appendFileSync(this.#path(), Buffer.alloc(needed), { mode: 0o600 });
    // Others may have appended in between: whoever made it too large does not write.
    if (this.#spent() > this.#limit) return false;
    this.#carry += needed * unit - bytes;
    return true;
  }

  #spent(): number {
    try {
      return this.#fs.statSync(this.#path()).size * unit;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return 0;
      throw error;
    }
  }

  #turnDay(): void {
    const day = new Date(this.#now()).toISOString().slice(0, 10);
    if (day === this.#day) return;
    this.#day = day;
    this.#carry = 0;
    // Later days stay: the clock may have been put back, and will come to them again.
    const yesterday = new Date(this.#now() - dayMs).toISOString().slice(0, 10);
    for (const name of this.#fs.readdirSync(this.#folder))
      if (/^\d{4}-\d\d-\d\d$/.test(name) && name < yesterday)
        this.#fs.rmSync(join(this.#folder, name), { force: true });
  }

  #path(): string {
    return join(this.#folder, this.#day);
  }
}

import { basename, join } from 'node:path';
import type { DiskFs } from './disk-fs.js';

/** Bad files that are kept at most, the newest ones. */
const keptFiles = 16;

/** Where bad files go, to be looked at by a human. The newest few are kept. */
export class BadFiles {
  readonly #folder: string;
  readonly #byteLimit: number;
  readonly #fs: DiskFs;
  #files = 0;
  #bytes = 0;

  /** @param byteLimit that the files in it may take together */
  constructor(folder: string, byteLimit: number, fs: DiskFs) {
    this.#folder = folder;
    this.#byteLimit = byteLimit;
    this.#fs = fs;
  }

  get files(): number {
    return this.#files;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Moves a bad file here. @throws system errors, `ENOENT` when another process was faster */
  take(path: string, fault: string): void {
    this.#fs.renameSync(path, join(this.#folder, `${basename(path)}.${fault}`));
    this.trim();
  }

  /** Measures the folder, and removes the oldest files beyond the limits. @throws system errors */
  trim(): void {
    const files = this.#fs
      .readdirSync(this.#folder)
      .map((name) => {
        const path = join(this.#folder, name);
        const { size, ctimeMs } = this.#fs.statSync(path);
        return { path, size, ctimeMs };
      })
      .toSorted((a, b) => b.ctimeMs - a.ctimeMs);
    let bytes = 0;
    let kept = 0;
    for (const { path, size } of files) {
      if (kept < keptFiles && bytes + size <= this.#byteLimit) {
        kept++;
        bytes += size;
      } else this.#fs.rmSync(path, { force: true, recursive: true });
    }
    this.#files = kept;
    this.#bytes = bytes;
  }
}

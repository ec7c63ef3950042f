import type { BlockFault } from './block-file.js';

/** What became of a block that was to be written. */
export type WriteOutcome =
  /** It is on disk now. */
  | 'written'
  /** It was there already. */
  | 'present'
  /** Another process is writing it. */
  | 'claimed'
  /** It is larger than the directory may become. */
  | 'too-large'
  /** The file system would have less free space than it must. */
  | 'no-space'
  /** The day's write budget is spent. */
  | 'over-budget'
  /** Writing failed lately, and is tried again later. */
  | 'paused'
  /** The operating system refused; see `errors`. */
  | 'failed';

export type Counts<Name extends string> = Readonly<Partial<Record<Name, number>>>;

/** What the disk tier has done since it was opened, and what it knows. */
export interface DiskStats {
  /** Block files in the directory, those of other models and processes included, as far as known. */
  readonly files: number;
  readonly bytes: number;
  readonly limit: number;
  /** Bad files that are kept to be looked at. */
  readonly badFiles: number;
  readonly badBytes: number;
  /** Whether the scan at the start has ended. */
  readonly scanned: boolean;
  readonly scans: number;
  /** Processes that use the directory. */
  readonly processes: number;
  readonly reads: number;
  readonly readBytes: number;
  readonly misses: number;
  readonly writes: Counts<WriteOutcome>;
  readonly writtenBytes: number;
  readonly evicted: number;
  /** Bad files that were read and set aside, by what was wrong. */
  readonly faults: Counts<BlockFault>;
  /** Files that are not the cache's; they are left alone. */
  readonly foreign: number;
  /** Leftovers of dead processes that were removed. */
  readonly cleaned: number;
  /** Failed system calls by operation and code, such as `write:ENOSPC`. */
  readonly errors: Counts<string>;
  /** Why nothing is written at the moment, such as `EROFS`. */
  readonly paused: string | undefined;
}

export interface VerifyReport {
  readonly files: number;
  readonly bytes: number;
  /** Files that were set aside. */
  readonly bad: number;
}

/** Counts by name. */
export class Counter<Name extends string> {
  readonly #counts: Partial<Record<Name, number>> = {};

  add(name: Name): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  get counts(): Counts<Name> {
    return { ...this.#counts };
  }
}

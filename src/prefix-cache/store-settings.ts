import { defaultCacheDirectoryBytes } from '../core/prompt-cache.js';

const mebibyte = 2 ** 20;
const gibibyte = 2 ** 30;

export interface DiskSettings {
  readonly directory: string;
  /** Bytes of all files in the directory, those of other models included; 0 is off. */
  readonly bytes: number;
  /** Free bytes that the file system keeps. */
  readonly freeFloor: number;
  /** Bytes that all processes may write into the directory in a day (UTC). */
  readonly dailyWrites: number;
  /** Whether every block is forced to the disk at once. */
  readonly fsync: boolean;
  /** Bytes of memory that blocks may hold until they are written. */
  readonly queueBytes: number;
  /** How long the disk may keep whoever asks it waiting, milliseconds. */
  readonly patience: number;
}

/** What a prefix store may take. docs/decisions/0017-block-stores.md says why the defaults are what they are. */
export interface StoreSettings {
  /** Bytes of RAM for blocks; 0 is off. */
  readonly hostBytes: number;
  /** Bytes of unused RAM that are kept for the next blocks, beside those. */
  readonly spareBytes: number;
  /** Undefined: no disk. */
  readonly disk: DiskSettings | undefined;
}

/** @param directory where blocks are to be kept on disk */
export function defaultDiskSettings(directory: string): DiskSettings {
  return {
    directory,
    bytes: defaultCacheDirectoryBytes,
    freeFloor: 8 * gibibyte,
    dailyWrites: 64 * gibibyte,
    fsync: false,
    queueBytes: 256 * mebibyte,
    patience: 5_000,
  };
}

/** @param memory bytes of RAM in the machine */
export function defaultStoreSettings(memory: number, directory?: string): StoreSettings {
  return {
    hostBytes: Math.min(memory / 16, 4 * gibibyte),
    spareBytes: 64 * mebibyte,
    disk: directory === undefined ? undefined : defaultDiskSettings(directory),
  };
}

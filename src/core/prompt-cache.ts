/** What a request has to do with prompts that were computed before it. */
export interface CacheUse {
  /** What is kept of a prompt is there for requests with the same salt, and for no others; empty is a salt too. */
  readonly salt: string;
  /** Off: all of the prompt is computed, and nothing of it is kept for others. */
  readonly use: boolean;
}

/** For requests that say nothing about it. */
export const defaultCacheUse: CacheUse = { salt: '', use: true };

/** Longest salt, characters. */
export const longestSalt = 1024;

/** How many of a prompt's first tokens each tier holds; what is in several tiers counts in each. */
export interface CacheHolding {
  readonly device: number;
  readonly host: number;
  readonly disk: number;
}

/** Bytes of the cache directory, where nothing else is said. */
export const defaultCacheDirectoryBytes = 16 * 2 ** 30;

/** Unused memory that is kept for the next blocks, beside those in RAM, as a share of these. */
export const spareBlockShare = 1 / 8;

/** Tokens of a block, the unit in which the tiers below the device keep prompts. */
export const cacheBlockTokens = 64;

/** What the prompt cache of one engine holds in each tier, and what it has done since the engine was loaded. */
export interface PromptCacheReport {
  readonly device: DeviceCacheReport;
  /** Absent where prompts are kept in the KV cache only, and so are the next three. */
  readonly host?: HostCacheReport;
  /** Absent without a cache directory too. */
  readonly disk?: DiskCacheReport;
  readonly moved?: CacheMovements;
  /** What was just removed: sequences, blocks in RAM, files. */
  readonly cleared?: { readonly device: number; readonly host: number; readonly disk: number };
  /** What was just read and checked, and how many files were bad; absent without a disk that answers. */
  readonly verified?: { readonly files: number; readonly bytes: number; readonly bad: number };
}

/** What is to be done before an engine reports on its prompt cache. */
export type PromptCacheAction = 'stats' | 'clear' | 'verify';

export interface DeviceCacheReport {
  /** KV cells in all, those that running sequences hold or are promised, and those that only finished ones refer to. */
  readonly cells: number;
  readonly usedCells: number;
  readonly residentCells: number;
  /** Finished sequences that are still there. */
  readonly residents: number;
}

export interface HostCacheReport {
  /** Blocks and snapshots. */
  readonly blocks: number;
  readonly bytes: number;
  readonly limit: number;
  /** Blocks that were found here when they were wanted. */
  readonly hits: number;
  readonly evicted: number;
  /** All memory for blocks, also of those that are being written or read, and what is kept for the next ones; bytes. */
  readonly memory: number;
}

export interface DiskCacheReport {
  /** `silent`: the disk has not answered in time; `lost`: the thread for it has ended; `closed`: it is being unloaded. */
  readonly thread: 'running' | 'silent' | 'lost' | 'closed';
  /** Why it is lost. */
  readonly loss?: string;
  /** Blocks that were read from the disk, or from what is queued for it. */
  readonly hits: number;
  /** Blocks that are to be written, and memory that they hold. */
  readonly queued: number;
  readonly queuedBytes: number;
  /** Blocks that were not written since too much was queued, or the thread was gone. */
  readonly dropped: number;
  /** Questions that the disk left without an answer. */
  readonly unanswered: number;
  /** What the thread says; absent when it does not. */
  readonly directory?: CacheDirectoryReport;
}

export interface CacheDirectoryReport {
  /** Of all models and processes that use the directory, as far as known. */
  readonly files: number;
  readonly bytes: number;
  readonly limit: number;
  readonly badFiles: number;
  readonly processes: number;
  /** Whether the scan at the start has ended: before, the counts are not complete. */
  readonly scanned: boolean;
  /** Blocks that were written or not, by outcome; see docs/operations.md. */
  readonly writes: CountsByName;
  readonly writtenBytes: number;
  readonly evicted: number;
  /** Bad files that were met and set aside, by what was wrong with them. */
  readonly faults: CountsByName;
  /** Files that are not the cache's. */
  readonly foreign: number;
  /** Failed system calls by operation and code, such as `write:ENOSPC`. */
  readonly errors: CountsByName;
  /** Why nothing is written at the moment, such as `EROFS`. */
  readonly paused?: string;
}

export type CountsByName = Readonly<Partial<Record<string, number>>>;

/** What was copied between the KV cache and the tiers below it. */
export interface CacheMovements {
  readonly savedBlocks: number;
  readonly savedSnapshots: number;
  readonly restoredTokens: number;
  /** Blocks and snapshots that the library would not give, or not take back. */
  readonly faults: number;
}

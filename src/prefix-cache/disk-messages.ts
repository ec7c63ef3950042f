import type { BlockId, BlockKey } from './block-id.js';
import type { DiskStats, VerifyReport, WriteOutcome } from './disk-stats.js';

/*
 * What a disk store and its thread say to each other. Payloads are in memory that both see, so that a message copies
 * none of them.
 */

/** Bytes that both threads see. */
export type SharedBytes = Uint8Array<SharedArrayBuffer>;

/** What a queued block became of: as of the tier, or `cleared` before it was written. */
export type QueueOutcome = WriteOutcome | 'cleared';

/** Commands with an answer, and what the answer is. */
export interface DiskCallResults {
  /** Memory that was lent and not needed. The blocks themselves came before, one message for each. */
  read: readonly SharedArrayBuffer[];
  leading: number;
  /** How many of the ids there are up to the last one that is there. */
  last: number;
  stats: DiskStats;
  clear: number;
  verify: VerifyReport;
}

export type DiskCall = { readonly call: number } & (
  | {
      readonly type: 'read';
      readonly ids: readonly BlockId[];
      /** Memory for blocks that happen to be of that size. */
      readonly spares: readonly SharedArrayBuffer[];
    }
  | { readonly type: 'leading'; readonly ids: readonly BlockId[] }
  | { readonly type: 'last'; readonly ids: readonly BlockId[] }
  | { readonly type: 'stats' }
  | { readonly type: 'clear' }
  | { readonly type: 'verify' }
);

export type DiskCommand =
  | DiskCall
  | { readonly type: 'write'; readonly key: BlockKey; readonly payload: SharedBytes }
  | { readonly type: 'touch'; readonly ids: readonly BlockId[] }
  | { readonly type: 'close' };

export type DiskEvent =
  | { readonly type: 'written'; readonly id: BlockId; readonly outcome: QueueOutcome }
  /** The next block of a read. */
  | { readonly type: 'block'; readonly call: number; readonly payload: SharedBytes }
  /** A long call goes on. */
  | { readonly type: 'alive' }
  | {
      readonly type: 'done';
      readonly call: number;
      readonly value: DiskCallResults[keyof DiskCallResults];
    };

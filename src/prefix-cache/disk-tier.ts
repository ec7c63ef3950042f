import { headerBytes, type BlockFault } from './block-file.js';
import { rootId, type BlockId, type BlockKey } from './block-id.js';
import { readBlock, writeBlock } from './block-io.js';
import { DiskClaims } from './disk-claims.js';
import { DiskFolder } from './disk-folder.js';
import { nodeFs, systemCode, type DiskFs } from './disk-fs.js';
import { DiskSpace } from './disk-space.js';
import { thisOwner, type DiskOwner, type Liveness } from './disk-owner.js';
import { Counter, type DiskStats, type VerifyReport, type WriteOutcome } from './disk-stats.js';
import { DiskTrouble } from './disk-trouble.js';
import { BadFiles } from './bad-files.js';
import { WriteBudget } from './write-budget.js';

export interface DiskTierOptions {
  /** Made when it is not there. Several processes may use the same one. */
  readonly directory: string;
  /** Of the model whose blocks are read and written; 64 hexadecimal digits. */
  readonly fingerprint: string;
  /** Bytes of all files in the directory, those of other models included. A block may take 1/32 of it. */
  readonly limit: number;
  /** Free bytes that the file system keeps; 0 when absent. */
  readonly freeFloor?: number | undefined;
  /** Bytes that all processes may write in a day (UTC); no limit when absent. */
  readonly dailyWrites?: number | undefined;
  /**
   * Whether each file is forced to the disk before it gets its name. Not by default: what a power failure leaves
   * behind does not pass the checksum, so it costs blocks and never a wrong token, and forcing each file to the disk
   * would wear it and slow everything else that writes.
   */
  readonly fsync?: boolean | undefined;
}

/** For tests: the world around a disk tier. */
export interface DiskWorld {
  readonly fs?: DiskFs;
  readonly now?: () => number;
  readonly owner?: DiskOwner;
  readonly liveness?: (owner: DiskOwner) => Liveness;
}

/** Use of a file is noted on disk at most once in so long, milliseconds. */
const touchMs = 60_000;

/**
 * Blocks in a directory that several processes share, a file for each. Nothing here throws: what fails is a miss, or a
 * block not written, and counted. All calls block; they belong on the disk thread.
 *
 * When a file was last used is kept as its modification time, which neither reading nor mount options change.
 */
export class DiskTier {
  readonly #options: DiskTierOptions;
  readonly #fs: DiskFs;
  readonly #now: () => number;
  readonly #folder: DiskFolder;
  readonly #claims: DiskClaims;
  readonly #budget: WriteBudget;
  readonly #bad: BadFiles;
  readonly #trouble: DiskTrouble;
  readonly #space: DiskSpace;
  /** Files that could not be set aside: they are not read again. */
  readonly #condemned = new Set<BlockId>();

  readonly #writes = new Counter<WriteOutcome>();
  readonly #faults = new Counter<BlockFault>();
  #reads = 0;
  #readBytes = 0;
  #misses = 0;
  #writtenBytes = 0;

  constructor(options: DiskTierOptions, world: DiskWorld = {}) {
    const { fs = nodeFs, now = Date.now, owner = thisOwner(), liveness } = world;
    const { directory, limit, freeFloor = 0, dailyWrites = Infinity } = options;
    const folder = new DiskFolder(directory, fs);
    const claims = new DiskClaims(folder, owner, { fs, now, liveness });
    const bad = new BadFiles(folder.bad, DiskSpace.shareOf(limit), fs);
    const trouble = new DiskTrouble(now);
    this.#options = options;
    this.#fs = fs;
    this.#now = now;
    this.#folder = folder;
    this.#claims = claims;
    this.#budget = new WriteBudget(folder.budget, dailyWrites, fs, now);
    this.#bad = bad;
    this.#trouble = trouble;
    trouble.attempt('open', () => folder.make());
    this.#space = new DiskSpace(limit, freeFloor, { folder, claims, bad, trouble, fs, now });
  }

  /** Whether there is scanning to do: {@link scanSome} is to be called when there is nothing else to do. */
  get scanning(): boolean {
    return this.#space.scanning;
  }

  /** Goes on with the scan. @param files to look at, at most */
  scanSome(files: number): void {
    this.#space.scanSome(files);
  }

  /**
   * Whether a scan has to end before a block can be written; begins it if need be. For callers who would rather call
   * {@link scanSome} between other things: {@link write} does the same at one go.
   */
  mustScan(payloadBytes: number): boolean {
    return !this.#trouble.paused && this.#space.mustScan(headerBytes + payloadBytes);
  }

  /**
   * Whether a block is there, by asking the directory: other processes write too. A file that is too short to be one is
   * set aside, or nobody would ever hear of it.
   */
  has(id: BlockId): boolean {
    if (this.#condemned.has(id)) return false;
    const size = this.#trouble.attempt('stat', () => {
      // The usual answer is no, and an exception for it costs more than the call.
      return this.#fs.statSync(this.#path(id), { throwIfNoEntry: false })?.size;
    });
    if (size === undefined) return false;
    if (size > headerBytes) return true;
    this.#setAside(id, size === 0 ? 'empty' : 'truncated');
    return false;
  }

  /** How many of the ids are there, from the first one on. */
  leading(ids: readonly BlockId[]): number {
    const missing = ids.findIndex((id) => !this.has(id));
    return missing < 0 ? ids.length : missing;
  }

  /** How many of the ids there are up to the last one that is there; 0 when none is. */
  last(ids: readonly BlockId[]): number {
    return ids.findLastIndex((id) => this.has(id)) + 1;
  }

  /**
   * Reads a block and checks every byte of it.
   * @param allocate memory to read into
   * @returns undefined when it is not there, or is not what it should be
   */
  read<Bytes extends Uint8Array>(id: BlockId, allocate: (bytes: number) => Bytes): Bytes | undefined {
    const payload = this.#condemned.has(id)
      ? undefined
      : this.#trouble.attempt('read', () => this.#readFile(id, allocate));
    if (payload === undefined) {
      this.#misses++;
      return undefined;
    }
    this.#reads++;
    this.#readBytes += payload.length;
    this.#space.met(id, this.#options.fingerprint, payload.length);
    return payload;
  }

  /** Writes a block that is not there yet. */
  write(key: BlockKey, payload: Uint8Array): WriteOutcome {
    const outcome = this.#write(key, payload);
    this.#writes.add(outcome);
    return outcome;
  }

  /** A chain was used. @param ids from the first block on */
  touch(ids: readonly BlockId[]): void {
    const now = this.#now();
    for (const [depth, id] of [...ids.entries()].toReversed()) {
      const known = this.#space.index.get(id);
      if (known === undefined) continue;
      const usedAt = now - depth;
      const noted = Math.abs(now - known.usedAt) < touchMs;
      this.#space.index.touch(id, usedAt);
      if (!noted) this.#trouble.attempt('touch', () => this.#setUsed(this.#path(id), usedAt));
    }
  }

  /** Removes all blocks of this tier's fingerprint. @returns files removed */
  clear(): number {
    let removed = 0;
    const { fingerprint } = this.#options;
    const failed = (error: unknown): void => this.#trouble.count('clear', error);
    for (const found of this.#folder.scanFingerprint(fingerprint, failed))
      if (found !== undefined && this.#space.unlink(fingerprint, found.id) === 'removed') removed++;
    return removed;
  }

  /**
   * Reads all blocks of this tier's fingerprint and sets bad ones aside. Yields after each file, so that the caller can
   * do other things in between.
   */
  *verify(): Generator<void, VerifyReport> {
    let files = 0;
    let bytes = 0;
    let bad = 0;
    let memory = new Uint8Array();
    const failed = (error: unknown): void => this.#trouble.count('verify', error);
    for (const found of this.#folder.scanFingerprint(this.#options.fingerprint, failed)) {
      if (found === undefined) continue;
      files++;
      bytes += found.bytes;
      const before = total(this.#faults.counts);
      this.#trouble.attempt('verify', () =>
        this.#readFile(found.id, (length) => {
          if (memory.length < length) memory = new Uint8Array(length);
          return memory.subarray(0, length);
        }),
      );
      bad += total(this.#faults.counts) - before;
      yield;
    }
    return { files, bytes, bad };
  }

  stats(): DiskStats {
    return {
      ...this.#space.stats(),
      badFiles: this.#bad.files,
      badBytes: this.#bad.bytes,
      reads: this.#reads,
      readBytes: this.#readBytes,
      misses: this.#misses,
      writes: this.#writes.counts,
      writtenBytes: this.#writtenBytes,
      faults: this.#faults.counts,
      errors: this.#trouble.errors,
      paused: this.#trouble.reason,
    };
  }

  /** Says that this process does not use the directory any more. */
  close(): void {
    this.#space.stop();
    this.#trouble.attempt('close', () => this.#claims.unregister());
  }

  #write(key: BlockKey, payload: Uint8Array): WriteOutcome {
    if (this.#trouble.paused) return 'paused';
    const size = headerBytes + payload.length;
    if (size > this.#space.share) return 'too-large';
    if (this.has(key.id)) return 'present';
    if (this.mustScan(payload.length)) this.#space.scanNow();
    if (this.#trouble.paused) return 'failed';
    if (size > this.#space.allowed) return 'too-large';
    try {
      return this.#writeFile(key, payload, size);
    } catch (error) {
      this.#trouble.count('write', error);
      if (systemCode(error) === 'ENOENT') return this.#writeAgain(key, payload, size);
      return this.#failed(error, size);
    }
  }

  /** The directory was removed while in use: it is made again, once. */
  #writeAgain(key: BlockKey, payload: Uint8Array, size: number): WriteOutcome {
    try {
      this.#folder.make();
      this.#space.scanAgain();
      return this.#writeFile(key, payload, size);
    } catch (error) {
      this.#trouble.count('write', error);
      return this.#failed(error, size);
    }
  }

  #failed(error: unknown, size: number): WriteOutcome {
    const code = systemCode(error);
    this.#trouble.pause(code);
    // A full disk stays full, and this cache does not stay as it is for ever.
    if (code === 'ENOSPC' || code === 'EDQUOT') this.#space.evictTo(this.#space.index.bytes - size);
    return 'failed';
  }

  #writeFile(key: BlockKey, payload: Uint8Array, size: number): WriteOutcome {
    const room = this.#space.makeRoom(size);
    if (room !== 'room') return room;
    if (!this.#claims.claim(key.id)) return 'claimed';
    try {
      // Between the first look and the claim another process may have come and gone.
      if (this.has(key.id)) return 'present';
      if (!this.#budget.reserve(size)) return 'over-budget';
      this.#publish(key, payload);
    } finally {
      this.#trouble.attempt('claim', () => this.#claims.release(key.id));
    }
    this.#trouble.resume();
    this.#condemned.delete(key.id);
    this.#writtenBytes += size;
    const { fingerprint } = this.#options;
    this.#space.add({ id: key.id, fingerprint, bytes: size, usedAt: this.#usedAt(key) }, key.parent);
    return 'written';
  }

  /** Writes a file beside, and gives it its name when it is complete. */
  #publish(key: BlockKey, payload: Uint8Array): void {
    const { fingerprint, fsync = false } = this.#options;
    const part = this.#claims.partPath(key.id);
    try {
      this.#folder.makeShard(fingerprint, key.id);
      writeBlock(this.#fs, part, { key, fingerprint, payload }, { usedAt: this.#usedAt(key), fsync });
      this.#fs.renameSync(part, this.#path(key.id));
    } catch (error) {
      this.#trouble.attempt('write', () => this.#fs.rmSync(part, { force: true }));
      throw error;
    }
  }

  /** A block counts as used a little before its parent, so that it goes first. */
  #usedAt(key: BlockKey): number {
    return this.#now() - (key.parent === rootId ? 0 : Math.ceil((key.position + key.tokens) / 64));
  }

  #readFile<Bytes extends Uint8Array>(id: BlockId, allocate: (bytes: number) => Bytes): Bytes | undefined {
    const { fingerprint } = this.#options;
    const read = readBlock(this.#fs, this.#path(id), { id, fingerprint }, allocate);
    if ('payload' in read) return read.payload;
    this.#setAside(id, read.fault);
    return undefined;
  }

  #setAside(id: BlockId, fault: BlockFault): void {
    this.#faults.add(fault);
    this.#condemned.add(id);
    const aside = this.#trouble.attempt('set-aside', () => {
      this.#bad.take(this.#path(id), fault);
      return true;
    });
    if (aside !== true && this.#space.unlink(this.#options.fingerprint, id) === undefined) return;
    this.#space.index.remove(id);
    this.#condemned.delete(id);
  }

  #setUsed(path: string, usedAt: number): void {
    this.#fs.utimesSync(path, usedAt / 1000, usedAt / 1000);
  }

  #path(id: BlockId): string {
    return this.#folder.blockPath(this.#options.fingerprint, id);
  }
}

function total(counts: Readonly<Partial<Record<string, number>>>): number {
  return Object.values(counts).reduce<number>((sum, count) => sum + (count ?? 0), 0);
}

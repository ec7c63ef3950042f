import { headerBytes, type BlockFault } from './block-file.js';
import { rootId, type BlockId, type BlockKey } from './block-id.js';
import { readBlock, writeBlock } from './block-io.js';
import { DiskClaims } from './disk-claims.js';
import { DiskFolder, type FoundBlock } from './disk-folder.js';
import { nodeFs, systemCode, type DiskFs } from './disk-fs.js';
import { DiskIndex } from './disk-index.js';
import { thisOwner, type DiskOwner, type Liveness } from './disk-owner.js';
import { Counter, type DiskStats, type VerifyReport, type WriteOutcome } from './disk-stats.js';
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

/** A process scans again after it has written this part of the limit; see {@link DiskTier}. */
const shares = 32;
/** Writing is tried again so long after the operating system refused, milliseconds. */
const pauseMs = 5_000;
/** Use of a file is noted on disk at most once in so long, milliseconds. */
const touchMs = 60_000;
/** Files that were evicted and can not be removed: so many are tried for one block. */
const stubbornFiles = 4;

/**
 * Blocks in a directory that several processes share, a file for each. Nothing here throws: what fails is a miss, or a
 * block not written, and counted. All calls block; they belong on the disk thread.
 *
 * The limit holds over all processes without locks. Each scans the directory before it writes at all and whenever it
 * has written a share, 1/32 of the limit, and keeps the total that it knows below the limit less a share for each
 * process. So, whoever began the last scan knows all but what others have written since: of those that it counted no
 * more than a share each, and those that came later have not scanned yet, and so have not written.
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
  readonly #index = new DiskIndex();
  readonly #share: number;
  /** Files that could not be set aside: they are not read again. */
  readonly #condemned = new Set<BlockId>();
  #scan: Generator<FoundBlock | undefined> | undefined;
  #scanFailure: string | undefined;
  /** What is in the directory is not known well enough to write. */
  #scanDue = true;
  #foreignSoFar = 0;
  #processes = 1;
  #writtenSinceScan = 0;
  #pause: { readonly since: number; readonly reason: string } | undefined;

  readonly #writes = new Counter<WriteOutcome>();
  readonly #faults = new Counter<BlockFault>();
  readonly #errors = new Counter<string>();
  #scans = 0;
  #reads = 0;
  #readBytes = 0;
  #misses = 0;
  #writtenBytes = 0;
  #evicted = 0;
  #foreign = 0;
  #cleaned = 0;

  constructor(options: DiskTierOptions, world: DiskWorld = {}) {
    const { fs = nodeFs, now = Date.now, owner = thisOwner(), liveness } = world;
    this.#options = options;
    this.#fs = fs;
    this.#now = now;
    this.#share = Math.floor(options.limit / shares);
    this.#folder = new DiskFolder(options.directory, fs);
    this.#claims = new DiskClaims(this.#folder, owner, { fs, now, liveness });
    this.#budget = new WriteBudget(this.#folder.budget, options.dailyWrites ?? Infinity, fs, now);
    this.#bad = new BadFiles(this.#folder.bad, this.#share, fs);
    this.#attempt('open', () => this.#folder.make());
    this.#beginScan();
  }

  /** Whether there is scanning to do: {@link scanSome} is to be called when there is nothing else to do. */
  get scanning(): boolean {
    return this.#scan !== undefined;
  }

  /** Goes on with the scan. @param files to look at, at most */
  scanSome(files: number): void {
    for (let i = 0; i < files && this.#scan !== undefined; i++) {
      const { done, value } = this.#scan.next();
      if (done === true) this.#endScan();
      else if (value === undefined) this.#foreignSoFar++;
      else this.#index.seen(value, this.#now());
    }
  }

  /**
   * Whether a scan has to end before a block can be written; begins it if need be. For callers who would rather call
   * {@link scanSome} between other things: {@link write} does the same at one go.
   */
  mustScan(payloadBytes: number): boolean {
    if (this.#paused()) return false;
    if (this.#scan !== undefined) return true;
    if (!this.#scanDue && this.#writtenSinceScan + headerBytes + payloadBytes <= this.#share) return false;
    this.#beginScan();
    return true;
  }

  /** Whether a block is there, by asking the directory: other processes write too. */
  has(id: BlockId): boolean {
    if (this.#condemned.has(id)) return false;
    const size = this.#attempt('stat', () => {
      // The usual answer is no, and an exception for it costs more than the call.
      return this.#fs.statSync(this.#path(id), { throwIfNoEntry: false })?.size ?? 0;
    });
    return (size ?? 0) > headerBytes;
  }

  /** How many of the ids are there, from the first one on. */
  leading(ids: readonly BlockId[]): number {
    const missing = ids.findIndex((id) => !this.has(id));
    return missing < 0 ? ids.length : missing;
  }

  /**
   * Reads a block and checks every byte of it.
   * @param allocate memory to read into
   * @returns undefined when it is not there, or is not what it should be
   */
  read<Bytes extends Uint8Array>(id: BlockId, allocate: (bytes: number) => Bytes): Bytes | undefined {
    const payload = this.#condemned.has(id)
      ? undefined
      : this.#attempt('read', () => this.#readFile(id, allocate));
    if (payload === undefined) {
      this.#misses++;
      return undefined;
    }
    this.#reads++;
    this.#readBytes += payload.length;
    // Another process may have written it since the last scan.
    if (this.#index.get(id) === undefined)
      this.#index.seen({ ...this.#found(id, payload.length), usedAt: 0 }, this.#now());
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
      const known = this.#index.get(id);
      if (known === undefined) continue;
      const usedAt = now - depth;
      const noted = Math.abs(now - known.usedAt) < touchMs;
      this.#index.touch(id, usedAt);
      if (!noted) this.#attempt('touch', () => this.#setUsed(this.#path(id), usedAt));
    }
  }

  /** Removes all blocks of this tier's fingerprint. @returns files removed */
  clear(): number {
    let removed = 0;
    const { fingerprint } = this.#options;
    const failed = (error: unknown): void => this.#count('clear', error);
    for (const found of this.#folder.scanFingerprint(fingerprint, failed))
      if (found !== undefined && this.#unlink(fingerprint, found.id) === 'removed') removed++;
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
    const failed = (error: unknown): void => this.#count('verify', error);
    for (const found of this.#folder.scanFingerprint(this.#options.fingerprint, failed)) {
      if (found === undefined) continue;
      files++;
      bytes += found.bytes;
      const before = total(this.#faults.counts);
      this.#attempt('verify', () =>
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
      files: this.#index.size,
      bytes: this.#index.bytes,
      limit: this.#options.limit,
      badFiles: this.#bad.files,
      badBytes: this.#bad.bytes,
      scanned: this.#scans > 0,
      scans: this.#scans,
      processes: this.#processes,
      reads: this.#reads,
      readBytes: this.#readBytes,
      misses: this.#misses,
      writes: this.#writes.counts,
      writtenBytes: this.#writtenBytes,
      evicted: this.#evicted,
      faults: this.#faults.counts,
      foreign: this.#foreign,
      cleaned: this.#cleaned,
      errors: this.#errors.counts,
      paused: this.#pause?.reason,
    };
  }

  /** Says that this process does not use the directory any more. */
  close(): void {
    this.#scan = undefined;
    this.#scanDue = true;
    this.#attempt('close', () => this.#claims.unregister());
  }

  #beginScan(): void {
    this.#writtenSinceScan = 0;
    this.#foreignSoFar = 0;
    this.#scanFailure = undefined;
    this.#attempt('register', () => this.#claims.register());
    // Leftovers go first: whoever dies from now on is counted among the processes.
    this.#cleaned += this.#attempt('clean', () => this.#claims.clean()) ?? 0;
    this.#processes = this.#attempt('clean', () => this.#claims.processes()) ?? this.#processes;
    this.#index.beginScan();
    this.#scan = this.#folder.scan((error) => {
      this.#scanFailure = systemCode(error);
      this.#count('scan', error);
    });
  }

  #endScan(): void {
    this.#scan = undefined;
    this.#foreign = this.#foreignSoFar;
    // Files that were set aside during the scan may have been counted twice, but not left out.
    this.#attempt('set-aside', () => this.#bad.trim());
    this.#scanDue = this.#scanFailure !== undefined;
    if (this.#scanFailure !== undefined) {
      this.#setPause(this.#scanFailure);
      return;
    }
    this.#scans++;
    this.#index.endScan();
    this.#evictTo(this.#allowed());
  }

  #scanNow(): void {
    while (this.#scan !== undefined) this.scanSome(1024);
  }

  /** Bytes that all block files may take together, as far as this process has a say. */
  #allowed(): number {
    return this.#options.limit - this.#share * this.#processes - this.#bad.bytes;
  }

  #write(key: BlockKey, payload: Uint8Array): WriteOutcome {
    if (this.#paused()) return 'paused';
    const size = headerBytes + payload.length;
    if (size > this.#share) return 'too-large';
    if (this.has(key.id)) return 'present';
    if (this.mustScan(payload.length)) this.#scanNow();
    if (this.#paused()) return 'failed';
    if (size > this.#allowed()) return 'too-large';
    try {
      return this.#writeFile(key, payload, size);
    } catch (error) {
      this.#count('write', error);
      if (systemCode(error) === 'ENOENT') return this.#writeAgain(key, payload, size);
      return this.#failed(error, size);
    }
  }

  /** The directory was removed while in use: it is made again, once. */
  #writeAgain(key: BlockKey, payload: Uint8Array, size: number): WriteOutcome {
    try {
      this.#folder.make();
      this.#beginScan();
      this.#scanNow();
      return this.#writeFile(key, payload, size);
    } catch (error) {
      this.#count('write', error);
      return this.#failed(error, size);
    }
  }

  #failed(error: unknown, size: number): WriteOutcome {
    const code = systemCode(error);
    this.#setPause(code);
    // A full disk stays full, and this cache does not stay as it is for ever.
    if (code === 'ENOSPC' || code === 'EDQUOT') this.#evictTo(this.#index.bytes - size);
    return 'failed';
  }

  #setPause(reason: string): void {
    this.#pause = { since: this.#now(), reason };
  }

  #paused(): boolean {
    if (this.#pause === undefined) return false;
    const elapsed = this.#now() - this.#pause.since;
    return elapsed >= 0 && elapsed < pauseMs;
  }

  #writeFile(key: BlockKey, payload: Uint8Array, size: number): WriteOutcome {
    if (!this.#evictTo(this.#allowed() - size)) {
      this.#setPause('unlink');
      return 'failed';
    }
    if (!this.#makeFree(size)) return 'no-space';
    if (!this.#claims.claim(key.id)) return 'claimed';
    try {
      // Between the first look and the claim another process may have come and gone.
      if (this.has(key.id)) return 'present';
      if (!this.#budget.reserve(size)) return 'over-budget';
      this.#publish(key, payload);
    } finally {
      this.#attempt('claim', () => this.#claims.release(key.id));
    }
    this.#pause = undefined;
    this.#condemned.delete(key.id);
    this.#writtenBytes += size;
    this.#writtenSinceScan += size;
    this.#index.add({ ...this.#found(key.id, payload.length), usedAt: this.#usedAt(key) }, key.parent);
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
      this.#attempt('write', () => this.#fs.rmSync(part, { force: true }));
      throw error;
    }
  }

  /** A block counts as used a little before its parent, so that it goes first. */
  #usedAt(key: BlockKey): number {
    return this.#now() - (key.parent === rootId ? 0 : Math.ceil((key.position + key.tokens) / 64));
  }

  #found(id: BlockId, payloadBytes: number): Omit<FoundBlock, 'usedAt'> {
    return { id, fingerprint: this.#options.fingerprint, bytes: headerBytes + payloadBytes };
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
    const aside = this.#attempt('set-aside', () => {
      this.#bad.take(this.#path(id), fault);
      return true;
    });
    if (aside !== true && this.#unlink(this.#options.fingerprint, id) === undefined) return;
    this.#index.remove(id);
    this.#condemned.delete(id);
  }

  /** Removes files used longest ago until others take no more than `bytes`. */
  #evictTo(bytes: number): boolean {
    let stubborn = 0;
    while (this.#index.bytes > Math.max(0, bytes)) {
      if (this.#evictOldest()) continue;
      stubborn++;
      if (stubborn === stubbornFiles) return false;
    }
    return true;
  }

  #evictOldest(): boolean {
    const oldest = this.#index.oldest();
    if (oldest === undefined) return false;
    const gone = this.#unlink(oldest.fingerprint, oldest.id);
    if (gone === 'removed') this.#evicted++;
    // One that can not be removed still counts, but must not stand before the others.
    if (gone === undefined) this.#index.touch(oldest.id, this.#now());
    return gone !== undefined;
  }

  /** Keeps the floor of free space, at the cost of older blocks; of none if they would not do. */
  #makeFree(size: number): boolean {
    const floor = this.#options.freeFloor ?? 0;
    if (floor === 0) return true;
    const lacking = (): number => {
      const { bavail, bsize } = this.#fs.statfsSync(this.#folder.work);
      return floor + size - bavail * bsize;
    };
    const needed = lacking();
    if (needed <= 0) return true;
    if (needed > this.#index.bytes) return false;
    this.#evictTo(this.#index.bytes - needed);
    if (lacking() <= 0) return true;
    // Some file systems give space back later. Until then the cache is not to be emptied for nothing.
    this.#setPause('free-floor');
    return false;
  }

  /** @returns undefined when it is still there */
  #unlink(fingerprint: string, id: BlockId): 'removed' | 'gone' | undefined {
    const done = this.#attempt('unlink', () => {
      try {
        this.#fs.unlinkSync(this.#folder.blockPath(fingerprint, id));
        return 'removed';
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return 'gone';
        throw error;
      }
    });
    if (done !== undefined) this.#index.remove(id);
    return done;
  }

  #setUsed(path: string, usedAt: number): void {
    this.#fs.utimesSync(path, usedAt / 1000, usedAt / 1000);
  }

  #path(id: BlockId): string {
    return this.#folder.blockPath(this.#options.fingerprint, id);
  }

  /** Does what may fail. That a file is not there is an answer, not a failure. */
  #attempt<T>(operation: string, body: () => T): T | undefined {
    try {
      return body();
    } catch (error) {
      this.#count(operation, error);
      return undefined;
    }
  }

  #count(operation: string, error: unknown): void {
    const code = systemCode(error);
    if (code !== 'ENOENT' || operation === 'write') this.#errors.add(`${operation}:${code}`);
  }
}

function total(counts: Readonly<Partial<Record<string, number>>>): number {
  return Object.values(counts).reduce<number>((sum, count) => sum + (count ?? 0), 0);
}

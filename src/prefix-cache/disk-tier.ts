import { decodeHeader, encodeHeader, headerBytes, isIntact, type BlockFault } from './block-file.js';
import { rootId, type BlockId, type BlockKey } from './block-id.js';
import { DiskClaims } from './disk-claims.js';
import { DiskFolder, type FoundBlock } from './disk-folder.js';
import { nodeFs, systemCode, type DiskFs } from './disk-fs.js';
import { DiskIndex } from './disk-index.js';
import { thisOwner, type DiskOwner, type Liveness } from './disk-owner.js';
import { Counter, type DiskStats, type VerifyReport, type WriteOutcome } from './disk-stats.js';
import { Quarantine } from './quarantine.js';
import { WriteBudget } from './write-budget.js';

export interface DiskTierOptions {
  /** Made when it is not there. Several processes may use the same one. */
  readonly directory: string;
  /** Of the model whose blocks are read and written; 64 hexadecimal digits. */
  readonly fingerprint: string;
  /** Bytes of all files in the directory, those of other models included. */
  readonly limit: number;
  /** Free bytes that the file system keeps; 0 when absent. */
  readonly freeFloor?: number;
  /** Bytes that all processes may write in a day (UTC); no limit when absent. */
  readonly dailyWrites?: number;
  /**
   * Whether each file is forced to the disk before it gets its name. Not by default: what a power failure leaves
   * behind does not pass the checksum, so it costs blocks and never a wrong token, and forcing each file to the disk
   * would wear it and slow everything else that writes.
   */
  readonly fsync?: boolean;
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

/**
 * Blocks in a directory that several processes share, a file for each. Nothing here throws: what fails is a miss, or a
 * block not written, and counted. All calls block; they belong on the disk thread.
 *
 * The limit holds over all processes without locks: each scans the directory after it has written 1/32 of the limit,
 * and keeps the total below the limit less 1/32 for each process. Between two scans by anyone, nobody has written more
 * than that share.
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
  readonly #quarantine: Quarantine;
  readonly #index = new DiskIndex();
  readonly #share: number;
  /** Files that could not be set aside: they are not read again. */
  readonly #condemned = new Set<BlockId>();
  #scan: Generator<FoundBlock | undefined> | undefined;
  #processes = 1;
  #writtenSinceScan = 0;
  #pausedUntil = 0;
  #pauseReason: string | undefined;

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
    this.#quarantine = new Quarantine(this.#folder.quarantine, this.#share, fs);
    this.#attempt('open', () => this.#prepare());
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
      else if (value === undefined) this.#foreign++;
      else this.#index.seen(value);
    }
  }

  /** Whether a block is there, by asking the directory: other processes write too. */
  has(id: BlockId): boolean {
    if (this.#condemned.has(id)) return false;
    return this.#attempt('stat', () => this.#fs.statSync(this.#path(id)).size > headerBytes) ?? false;
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
      : this.#attempt('read', () => this.#readFile(this.#options.fingerprint, id, allocate));
    if (payload === undefined) this.#misses++;
    else {
      this.#reads++;
      this.#readBytes += payload.length;
    }
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
      const noted = now - known.usedAt < touchMs;
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
      if (found !== undefined && this.#unlink(fingerprint, found.id)) removed++;
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
    const { fingerprint } = this.#options;
    const failed = (error: unknown): void => this.#count('verify', error);
    for (const found of this.#folder.scanFingerprint(fingerprint, failed)) {
      if (found === undefined) continue;
      files++;
      bytes += found.bytes;
      const before = total(this.#faults.counts);
      this.#attempt('verify', () =>
        this.#readFile(fingerprint, found.id, (length) => {
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
      quarantined: this.#quarantine.files,
      quarantineBytes: this.#quarantine.bytes,
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
      paused: this.#pauseReason,
    };
  }

  /** Says that this process does not use the directory any more. */
  close(): void {
    this.#scan = undefined;
    this.#attempt('close', () => this.#claims.unregister());
  }

  #prepare(): void {
    this.#folder.make();
    this.#claims.register();
  }

  #beginScan(): void {
    this.#writtenSinceScan = 0;
    this.#foreign = 0;
    this.#processes = this.#attempt('scan', () => this.#claims.processes()) ?? this.#processes;
    this.#attempt('scan', () => this.#quarantine.trim());
    this.#index.beginScan();
    this.#scan = this.#folder.scan((error) => this.#count('scan', error));
  }

  #endScan(): void {
    this.#scan = undefined;
    this.#scans++;
    this.#index.endScan();
    this.#cleaned += this.#attempt('clean', () => this.#claims.clean()) ?? 0;
    this.#evictTo(this.#allowed());
  }

  #allowed(): number {
    return this.#options.limit - this.#share * this.#processes - this.#quarantine.bytes;
  }

  #write(key: BlockKey, payload: Uint8Array): WriteOutcome {
    if (this.#now() < this.#pausedUntil) return 'paused';
    const size = headerBytes + payload.length;
    if (size > this.#allowed()) return 'too-large';
    // A new process may not know yet how full the directory is; beyond its share it has to.
    if (this.#writtenSinceScan + size > this.#share) this.#scanNow();
    if (this.has(key.id)) return 'present';
    try {
      const outcome = this.#writeFile(key, payload, size);
      this.#pauseReason = undefined;
      return outcome;
    } catch (error) {
      this.#count('write', error);
      if (systemCode(error) === 'ENOENT') return this.#writeAgain(key, payload, size);
      return this.#pause(error);
    }
  }

  /** The directory was removed while in use: it is made again, once. */
  #writeAgain(key: BlockKey, payload: Uint8Array, size: number): WriteOutcome {
    try {
      this.#prepare();
      this.#scanNow();
      return this.#writeFile(key, payload, size);
    } catch (error) {
      this.#count('write', error);
      return this.#pause(error);
    }
  }

  #pause(error: unknown): WriteOutcome {
    this.#pausedUntil = this.#now() + pauseMs;
    this.#pauseReason = systemCode(error);
    return 'failed';
  }

  #scanNow(): void {
    if (this.#scan === undefined || this.#writtenSinceScan > 0) this.#beginScan();
    while (this.#scan !== undefined) this.scanSome(1024);
  }

  #writeFile(key: BlockKey, payload: Uint8Array, size: number): WriteOutcome {
    if (!this.#evictTo(this.#allowed() - size)) return 'failed';
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
    this.#condemned.delete(key.id);
    this.#writtenBytes += size;
    this.#writtenSinceScan += size;
    const { fingerprint } = this.#options;
    this.#index.add({ id: key.id, fingerprint, bytes: size, usedAt: this.#usedAt(key) }, key.parent);
    return 'written';
  }

  /** Writes a file beside, and gives it its name when it is complete. */
  #publish(key: BlockKey, payload: Uint8Array): void {
    const fs = this.#fs;
    const part = this.#claims.partPath(key.id);
    const header = encodeHeader(key, this.#options.fingerprint, payload);
    try {
      this.#folder.makeShard(this.#options.fingerprint, key.id);
      const file = fs.openSync(part, 'w', 0o600);
      try {
        writeAll(fs, file, header);
        writeAll(fs, file, payload);
        const used = this.#usedAt(key) / 1000;
        fs.futimesSync(file, used, used);
        if (this.#options.fsync === true) fs.fsyncSync(file);
      } finally {
        fs.closeSync(file);
      }
      fs.renameSync(part, this.#path(key.id));
    } catch (error) {
      this.#attempt('write', () => fs.rmSync(part, { force: true }));
      throw error;
    }
  }

  /** A block counts as used a little before its parent, so that it goes first. */
  #usedAt(key: BlockKey): number {
    return this.#now() - (key.parent === rootId ? 0 : Math.ceil((key.position + key.tokens) / 64));
  }

  #readFile<Bytes extends Uint8Array>(
    fingerprint: string,
    id: BlockId,
    allocate: (bytes: number) => Bytes,
  ): Bytes | undefined {
    const fs = this.#fs;
    const path = this.#folder.blockPath(fingerprint, id);
    const file = fs.openSync(path, 'r');
    let fault: BlockFault;
    try {
      const { size } = fs.fstatSync(file);
      const bytes = Buffer.alloc(headerBytes);
      const header = decodeHeader(bytes.subarray(0, readAll(fs, file, bytes, 0)), size, { id, fingerprint });
      if (typeof header === 'object') {
        const payload = allocate(header.payloadBytes);
        const complete = readAll(fs, file, payload, headerBytes) === payload.length;
        if (complete && isIntact(header, payload)) return payload;
        fault = complete ? 'payload-checksum' : 'truncated';
      } else fault = header;
    } finally {
      fs.closeSync(file);
    }
    this.#setAside(id, path, fault);
    return undefined;
  }

  #setAside(id: BlockId, path: string, fault: BlockFault): void {
    this.#faults.add(fault);
    this.#condemned.add(id);
    const aside = this.#attempt('quarantine', () => {
      this.#quarantine.take(path, fault);
      return true;
    });
    if (aside !== true && !this.#unlink(this.#options.fingerprint, id)) return;
    this.#index.remove(id);
    this.#condemned.delete(id);
  }

  /** Removes files used longest ago until others take no more than `bytes`. */
  #evictTo(bytes: number): boolean {
    while (this.#index.bytes > Math.max(0, bytes)) if (!this.#evictOldest()) return false;
    return true;
  }

  #evictOldest(): boolean {
    const oldest = this.#index.oldest();
    if (oldest === undefined || !this.#unlink(oldest.fingerprint, oldest.id)) return false;
    this.#evicted++;
    return true;
  }

  /** Keeps the floor of free space, at the cost of older blocks. */
  #makeFree(size: number): boolean {
    const floor = this.#options.freeFloor ?? 0;
    if (floor === 0) return true;
    const free = (): number => {
      const { bavail, bsize } = this.#fs.statfsSync(this.#folder.work);
      return bavail * bsize;
    };
    while (free() - size < floor) if (!this.#evictOldest()) return false;
    return true;
  }

  #unlink(fingerprint: string, id: BlockId): boolean {
    const gone = this.#attempt('unlink', () => {
      this.#fs.rmSync(this.#folder.blockPath(fingerprint, id), { force: true });
      return true;
    });
    if (gone !== true) return false;
    this.#index.remove(id);
    return true;
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

function writeAll(fs: DiskFs, file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += fs.writeSync(file, bytes, at, bytes.length - at);
}

function readAll(fs: DiskFs, file: number, bytes: Uint8Array, position: number): number {
  let at = 0;
  while (at < bytes.length) {
    const read = fs.readSync(file, bytes, at, bytes.length - at, position + at);
    if (read === 0) break;
    at += read;
  }
  return at;
}

function total(counts: Readonly<Partial<Record<string, number>>>): number {
  return Object.values(counts).reduce<number>((sum, count) => sum + (count ?? 0), 0);
}

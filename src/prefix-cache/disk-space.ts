import type { BadFiles } from './bad-files.js';
import { headerBytes } from './block-file.js';
import type { BlockId } from './block-id.js';
import type { DiskClaims } from './disk-claims.js';
import type { DiskFolder, FoundBlock } from './disk-folder.js';
import { systemCode, type DiskFs } from './disk-fs.js';
import { DiskIndex } from './disk-index.js';
import type { DiskTrouble } from './disk-trouble.js';

/** A process scans again after it has written this part of the limit; see {@link DiskSpace}. */
const shares = 32;
/** Files that were to go and can not be removed: so many are tried for one block. */
const stubbornFiles = 4;

/** What a disk space works on. */
export interface DiskPlace {
  readonly folder: DiskFolder;
  readonly claims: DiskClaims;
  readonly bad: BadFiles;
  readonly trouble: DiskTrouble;
  readonly fs: DiskFs;
  readonly now: () => number;
}

/**
 * The room that block files take, and which of them go when it is too little.
 *
 * The limit holds over all processes without locks. Each scans the directory before it writes at all and whenever it
 * has written a share, 1/32 of the limit, and keeps the total that it knows below the limit less a share for each
 * process. So, whoever began the last scan knows all but what others have written since: of those that it counted no
 * more than a share each, and those that came later have not scanned yet, and so have not written.
 */
export class DiskSpace {
  readonly index = new DiskIndex();
  readonly #limit: number;
  readonly #freeFloor: number;
  readonly #place: DiskPlace;
  #scan: Generator<FoundBlock | undefined> | undefined;
  #scanFailure: string | undefined;
  /** What is in the directory is not known well enough to write. */
  #scanDue = true;
  #foreignSoFar = 0;
  #writtenSinceScan = 0;
  #processes = 1;
  #scans = 0;
  #foreign = 0;
  #cleaned = 0;
  #evicted = 0;

  /**
   * @param limit bytes of all block files
   * @param freeFloor bytes that the file system keeps; 0 is none
   */
  constructor(limit: number, freeFloor: number, place: DiskPlace) {
    this.#limit = limit;
    this.#freeFloor = freeFloor;
    this.#place = place;
    this.#beginScan();
  }

  /** What a process may write between two scans, bytes: no file may be larger. */
  static shareOf(limit: number): number {
    return Math.floor(limit / shares);
  }

  get share(): number {
    return DiskSpace.shareOf(this.#limit);
  }

  /** Bytes that all block files may take together, as far as this process has a say. */
  get allowed(): number {
    return this.#limit - this.share * this.#processes - this.#place.bad.bytes;
  }

  get scanning(): boolean {
    return this.#scan !== undefined;
  }

  /** Goes on with the scan. @param files to look at, at most */
  scanSome(files: number): void {
    for (let i = 0; i < files && this.#scan !== undefined; i++) {
      const { done, value } = this.#scan.next();
      if (done === true) this.#endScan();
      else if (value === undefined) this.#foreignSoFar++;
      else this.index.seen(value, this.#place.now());
    }
  }

  /** Whether a scan has to end before a file is written; begins it if need be. @param size bytes of the file */
  mustScan(size: number): boolean {
    if (this.#scan !== undefined) return true;
    if (!this.#scanDue && this.#writtenSinceScan + size <= this.share) return false;
    this.#beginScan();
    return true;
  }

  /** Ends a scan at one go. */
  scanNow(): void {
    while (this.#scan !== undefined) this.scanSome(1024);
  }

  /** The directory is another than it was. */
  scanAgain(): void {
    this.#beginScan();
    this.scanNow();
  }

  /** Nothing more is written. */
  stop(): void {
    this.#scan = undefined;
    this.#scanDue = true;
  }

  /** Makes room for a file, at the cost of older ones. @param size bytes of the file. @throws system errors */
  makeRoom(size: number): 'room' | 'no-space' | 'failed' {
    if (!this.evictTo(this.allowed - size)) {
      this.#place.trouble.pause('unlink');
      return 'failed';
    }
    return this.#makeFree(size) ? 'room' : 'no-space';
  }

  /** A file was written. */
  add(found: FoundBlock, parent: BlockId): void {
    this.#writtenSinceScan += found.bytes;
    this.index.add(found, parent);
  }

  /** A file was met that the index may not know: another process may have written it since the last scan. */
  met(id: BlockId, fingerprint: string, payloadBytes: number): void {
    if (this.index.get(id) !== undefined) return;
    this.index.seen({ id, fingerprint, bytes: headerBytes + payloadBytes, usedAt: 0 }, this.#place.now());
  }

  /** Removes files used longest ago until others take no more than `bytes`. @returns false when it can not */
  evictTo(bytes: number): boolean {
    let stubborn = 0;
    while (this.index.bytes > Math.max(0, bytes)) {
      if (this.#evictOldest()) continue;
      stubborn++;
      if (stubborn === stubbornFiles) return false;
    }
    return true;
  }

  /** @returns undefined when it is still there */
  unlink(fingerprint: string, id: BlockId): 'removed' | 'gone' | undefined {
    const { folder, fs, trouble } = this.#place;
    const done = trouble.attempt('unlink', () => {
      try {
        fs.unlinkSync(folder.blockPath(fingerprint, id));
        return 'removed';
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return 'gone';
        throw error;
      }
    });
    if (done !== undefined) this.index.remove(id);
    return done;
  }

  stats() {
    return {
      files: this.index.size,
      bytes: this.index.bytes,
      limit: this.#limit,
      scanned: this.#scans > 0,
      scans: this.#scans,
      processes: this.#processes,
      evicted: this.#evicted,
      foreign: this.#foreign,
      cleaned: this.#cleaned,
    };
  }

  #beginScan(): void {
    const { claims, folder, trouble } = this.#place;
    this.#writtenSinceScan = 0;
    this.#foreignSoFar = 0;
    this.#scanFailure = undefined;
    trouble.attempt('register', () => claims.register());
    // Leftovers go first: whoever dies from now on is counted among the processes.
    this.#cleaned += trouble.attempt('clean', () => claims.clean()) ?? 0;
    this.#processes = trouble.attempt('clean', () => claims.processes()) ?? this.#processes;
    this.index.beginScan();
    this.#scan = folder.scan((error) => {
      this.#scanFailure = systemCode(error);
      trouble.count('scan', error);
    });
  }

  #endScan(): void {
    const { bad, trouble } = this.#place;
    this.#scan = undefined;
    this.#foreign = this.#foreignSoFar;
    // Files that were set aside during the scan may have been counted twice, but not left out.
    trouble.attempt('set-aside', () => bad.trim());
    this.#scanDue = this.#scanFailure !== undefined;
    if (this.#scanFailure !== undefined) {
      trouble.pause(this.#scanFailure);
      return;
    }
    this.#scans++;
    this.index.endScan();
    this.evictTo(this.allowed);
  }

  #evictOldest(): boolean {
    const oldest = this.index.oldest();
    if (oldest === undefined) return false;
    const gone = this.unlink(oldest.fingerprint, oldest.id);
    if (gone === 'removed') this.#evicted++;
    // One that can not be removed still counts, but must not stand before the others.
    if (gone === undefined) this.index.touch(oldest.id, this.#place.now());
    return gone !== undefined;
  }

  /** Keeps the floor of free space, at the cost of older blocks; of none if they would not do. */
  #makeFree(size: number): boolean {
    if (this.#freeFloor === 0) return true;
    const { folder, fs, trouble } = this.#place;
    const lacking = (): number => {
      const { bavail, bsize } = fs.statfsSync(folder.work);
      return this.#freeFloor + size - bavail * bsize;
    };
    const needed = lacking();
    if (needed <= 0) return true;
    if (needed > this.index.bytes) return false;
    this.evictTo(this.index.bytes - needed);
    if (lacking() <= 0) return true;
    // Some file systems give space back later. Until then the cache is not to be emptied for nothing.
    trouble.pause('free-floor');
    return false;
  }
}

import type { BlockId } from './block-id.js';
import type { FoundBlock } from './disk-folder.js';

/** A file that the index knows of: an entry of a ring, from the one used longest ago to the one used last. */
interface Entry {
  readonly id: BlockId;
  readonly fingerprint: string;
  bytes: number;
  usedAt: number;
  scan: number;
  older: Entry;
  newer: Entry;
}

/**
 * What a process knows of the directory: block files, their sizes, and the order in which they were last used.
 * Everything but the end of a scan is O(1).
 */
export class DiskIndex {
  readonly #entries = new Map<BlockId, Entry>();
  readonly #ring: Entry;
  #bytes = 0;
  #scan = 0;

  constructor() {
    const ring = { id: '', fingerprint: '', bytes: 0, usedAt: 0, scan: 0 } as Entry;
    ring.older = ring;
    ring.newer = ring;
    this.#ring = ring;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(
    id: BlockId,
  ): { readonly fingerprint: string; readonly bytes: number; readonly usedAt: number } | undefined {
    return this.#entries.get(id);
  }

  /**
   * Adds a file that was just written or found. It goes before its parent, where that is known: a block must not
   * outlive its parent, without which it is of no use.
   */
  add(found: FoundBlock, parent: BlockId): void {
    this.remove(found.id);
    const entry = { ...found, scan: this.#scan } as Entry;
    linkBefore(entry, this.#entries.get(parent) ?? this.#ring);
    this.#entries.set(entry.id, entry);
    this.#bytes += entry.bytes;
  }

  /** A block was used. */
  touch(id: BlockId, usedAt: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.usedAt = usedAt;
    unlink(entry);
    linkBefore(entry, this.#ring);
  }

  remove(id: BlockId): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#bytes -= entry.bytes;
    unlink(entry);
  }

  /** The file used longest ago. */
  oldest(): { readonly id: BlockId; readonly fingerprint: string; readonly bytes: number } | undefined {
    const oldest = this.#ring.newer;
    return oldest === this.#ring ? undefined : oldest;
  }

  /** From now on, what is not {@link seen} or added until {@link endScan} counts as gone. */
  beginScan(): void {
    this.#scan++;
  }

  /** A scan has met this file. @param now a file that was used later says nothing: the clock was put back */
  seen(found: FoundBlock, now: number): void {
    const entry = this.#entries.get(found.id);
    if (entry === undefined) {
      this.add({ ...found, usedAt: Math.min(found.usedAt, now) }, '');
      return;
    }
    entry.scan = this.#scan;
    this.#bytes += found.bytes - entry.bytes;
    entry.bytes = found.bytes;
    entry.usedAt = Math.min(entry.usedAt, now);
    if (found.usedAt <= now) entry.usedAt = Math.max(entry.usedAt, found.usedAt);
  }

  /** Forgets what is gone, and orders by use, which other processes may have changed. O(n log n). */
  endScan(): void {
    const entries: Entry[] = [];
    for (let entry = this.#ring.newer; entry !== this.#ring; entry = entry.newer) entries.push(entry);
    for (const entry of entries) if (entry.scan < this.#scan) this.remove(entry.id);
    // Stable: files of one time, as file systems with coarse times have them, keep their order.
    const sorted = entries.filter(({ scan }) => scan === this.#scan).toSorted((a, b) => a.usedAt - b.usedAt);
    this.#ring.older = this.#ring;
    this.#ring.newer = this.#ring;
    for (const entry of sorted) linkBefore(entry, this.#ring);
  }
}

function unlink(entry: Entry): void {
  entry.older.newer = entry.newer;
  entry.newer.older = entry.older;
}

function linkBefore(entry: Entry, next: Entry): void {
  entry.newer = next;
  entry.older = next.older;
  next.older.newer = entry;
  next.older = entry;
}

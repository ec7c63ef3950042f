import type { BlockId, BlockKey } from './block-id.js';
import type { Payload } from './payload.js';

interface Entry {
  readonly key: BlockKey;
  readonly payload: Payload;
  /** What computing the block again takes, in the unit of the caller. */
  readonly cost: number;
  /** Worth of keeping it: the tier's inflation when it was last used, plus cost for each byte. */
  value: number;
  /** Among blocks of the same value, the one whose last use is longest ago goes first. */
  lastUse: number;
  pins: number;
  /** Blocks of this tier whose parent it is. */
  children: number;
}

export interface HostTierStats {
  readonly blocks: number;
  readonly bytes: number;
  readonly limit: number;
  readonly pinned: number;
  readonly inserted: number;
  readonly evicted: number;
  /** Blocks that did not fit beside what is pinned. */
  readonly refused: number;
}

/**
 * Blocks in RAM, by id. What goes out first is the block of least value that has no child here: a block is of use only
 * with all of its ancestors, so whoever uses it uses them too, and a chain is worn off from its end. Value is that of
 * GreedyDual-Size (Cao and Irani, 1997): cost to recompute for each byte, plus the value of what was last evicted when
 * the block was last used, so that blocks age by what leaves after them.
 *
 * A put or a touch takes O(1), an eviction O(leaves).
 */
export class HostTier {
  readonly #entries = new Map<BlockId, Entry>();
  /** Entries without children: those that can go. */
  readonly #leaves = new Map<BlockId, Entry>();
  /** Children whose parent is not here, counted by parent: it may come later. */
  readonly #orphans = new Map<BlockId, number>();
  readonly #onEvict: (key: BlockKey, payload: Payload, cost: number) => void;
  #limit: number;
  #bytes = 0;
  #inflation = 0;
  #uses = 0;
  #pinned = 0;
  #inserted = 0;
  #evicted = 0;
  #refused = 0;

  /**
   * @param limit bytes, by the capacity of payloads
   * @param onEvict told of each block before it goes; whoever wants to keep the payload retains it
   */
  constructor(limit: number, onEvict: (key: BlockKey, payload: Payload, cost: number) => void = () => {}) {
    this.#limit = limit;
    this.#onEvict = onEvict;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Bytes that blocks may take; evicts down to it, as far as pins allow. */
  set limit(bytes: number) {
    this.#limit = bytes;
    this.#makeRoom(0);
  }

  has(id: BlockId): boolean {
    return this.#entries.has(id);
  }

  /** How many of the ids are here, from the first one on. */
  leading(ids: readonly BlockId[]): number {
    const missing = ids.findIndex((id) => !this.#entries.has(id));
    return missing < 0 ? ids.length : missing;
  }

  /**
   * Adds a block, evicting others for it; the tier takes a reference of its own to the payload.
   * @param cost what computing it again takes, in any unit that is the same for all blocks
   * @returns false when the block is here already, or can not get in
   */
  put(key: BlockKey, payload: Payload, cost: number): boolean {
    const known = this.#entries.get(key.id);
    if (known !== undefined) {
      this.#use(known);
      return false;
    }
    const parent = this.#entries.get(key.parent);
    // The parent must not make room for its own child.
    if (parent !== undefined) parent.pins++;
    const fits = this.#makeRoom(payload.capacity);
    if (parent !== undefined) parent.pins--;
    if (!fits) {
      this.#refused++;
      return false;
    }
    const children = this.#orphans.get(key.id) ?? 0;
    this.#orphans.delete(key.id);
    const entry: Entry = { key, payload: payload.retain(), cost, value: 0, lastUse: 0, pins: 0, children };
    this.#use(entry);
    this.#entries.set(key.id, entry);
    if (children === 0) this.#leaves.set(key.id, entry);
    this.#bytes += payload.capacity;
    this.#inserted++;
    this.#addChild(key.parent, parent);
    return true;
  }

  /** Blocks were used. Those that are not here change nothing. */
  touch(ids: readonly BlockId[]): void {
    for (const id of ids) {
      const entry = this.#entries.get(id);
      if (entry !== undefined) this.#use(entry);
    }
  }

  /**
   * The payload of a block, which counts as a use. It stays in the tier until {@link unpin}; the tier keeps the
   * reference.
   */
  pin(id: BlockId): Payload | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#use(entry);
    if (entry.pins === 0) this.#pinned++;
    entry.pins++;
    return entry.payload;
  }

  /** Takes one pin back. */
  unpin(id: BlockId): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.pins === 0) return;
    entry.pins--;
    if (entry.pins === 0) this.#pinned--;
  }

  /** All blocks, parents before their children. */
  entries(): readonly { readonly key: BlockKey; readonly payload: Payload }[] {
    return [...this.#entries.values()].toSorted((a, b) => a.key.position - b.key.position);
  }

  /** A block and its payload, without counting as a use. */
  peek(
    id: BlockId,
  ): { readonly key: BlockKey; readonly payload: Payload; readonly cost: number } | undefined {
    return this.#entries.get(id);
  }

  /** Empties the tier but for what is pinned and its ancestors, without demoting anything. @returns blocks gone */
  clear(): number {
    const before = this.#entries.size;
    // A parent becomes a leaf with its last child, and is met later in the same loop.
    for (const leaf of this.#leaves.values()) if (leaf.pins === 0) this.#drop(leaf);
    return before - this.#entries.size;
  }

  /** Evicts everything that is not pinned, as if the limit were 0 for a moment. */
  evictAll(): void {
    while (this.#evictOne());
  }

  stats(): HostTierStats {
    return {
      blocks: this.#entries.size,
      bytes: this.#bytes,
      limit: this.#limit,
      pinned: this.#pinned,
      inserted: this.#inserted,
      evicted: this.#evicted,
      refused: this.#refused,
    };
  }

  #use(entry: Entry): void {
    entry.value = this.#inflation + entry.cost / entry.payload.capacity;
    entry.lastUse = ++this.#uses;
  }

  #makeRoom(bytes: number): boolean {
    if (bytes > this.#limit) return false;
    while (this.#bytes + bytes > this.#limit) if (!this.#evictOne()) return false;
    return true;
  }

  #evictOne(): boolean {
    const leaf = this.#leastValuable();
    if (leaf === undefined) return false;
    this.#inflation = Math.max(this.#inflation, leaf.value);
    this.#evicted++;
    this.#onEvict(leaf.key, leaf.payload, leaf.cost);
    this.#drop(leaf);
    return true;
  }

  #leastValuable(): Entry | undefined {
    let least: Entry | undefined;
    for (const leaf of this.#leaves.values())
      if (leaf.pins === 0 && (least === undefined || isBefore(leaf, least))) least = leaf;
    return least;
  }

  #drop(entry: Entry): void {
    const { id, parent: parentId } = entry.key;
    this.#entries.delete(id);
    this.#leaves.delete(id);
    this.#bytes -= entry.payload.capacity;
    const parent = this.#entries.get(parentId);
    if (parent === undefined) {
      const left = (this.#orphans.get(parentId) ?? 0) - 1;
      if (left > 0) this.#orphans.set(parentId, left);
      else this.#orphans.delete(parentId);
    } else {
      parent.children--;
      if (parent.children === 0) this.#leaves.set(parentId, parent);
    }
    entry.payload.release();
  }

  #addChild(parentId: BlockId, parent: Entry | undefined): void {
    if (parent === undefined) {
      this.#orphans.set(parentId, (this.#orphans.get(parentId) ?? 0) + 1);
      return;
    }
    parent.children++;
    this.#leaves.delete(parentId);
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.value === b.value ? a.lastUse < b.lastUse : a.value < b.value;
}

import { rootId, type BlockId, type BlockKey } from './block-id.js';
import type { VerifyReport } from './disk-stats.js';
import { DiskStore, type DiskStoreStats } from './disk-store.js';
import { HostTier, type HostTierStats } from './host-tier.js';
import { PayloadPool, type Payload, type PayloadPoolStats } from './payload.js';
import type { StoreSettings } from './store-settings.js';

export interface PrefixStoreOptions extends StoreSettings {
  /** Of what makes states exchangeable; see `fingerprintOf`. */
  readonly fingerprint: string;
  /** What computing a block again takes, in any unit that is the same for all; the tokens of it when absent. */
  readonly costOf?: ((key: BlockKey) => number) | undefined;
  /** For tests: another module for the disk thread. */
  readonly threadModule?: string | URL | undefined;
}

/** How much of a chain is held, from its first block on. */
export interface HeldChain {
  /** Blocks that {@link PrefixStore.load} would find. */
  readonly length: number;
  /** Of these, blocks in RAM. */
  readonly host: number;
  /** Of these, blocks that would be read from the disk, or from what is queued for it. */
  readonly disk: number;
}

export interface PrefixStoreStats {
  readonly host: HostTierStats;
  readonly payloads: PayloadPoolStats;
  /** Blocks that were loaded from RAM and from the disk, and chains that ended before what was asked for. */
  readonly hostHits: number;
  readonly diskHits: number;
  readonly misses: number;
  /** Undefined when there is no disk. */
  readonly disk: DiskStoreStats | undefined;
}

/**
 * Blocks and snapshots of one model in RAM and on disk. A saved block is in RAM at once and on its way to the disk; one
 * that is loaded from the disk is in RAM again. Nothing here throws or waits for a disk that hangs: what can not be had
 * is not held.
 *
 * Payloads are counted references: whoever gets one releases it. What is in one must not be changed once it was saved.
 */
export class PrefixStore {
  readonly #pool: PayloadPool;
  readonly #host: HostTier;
  readonly #disk: DiskStore | undefined;
  readonly #costOf: (key: BlockKey) => number;
  /** Of the blocks in RAM, those that are on disk as well. */
  readonly #onDisk = new Set<BlockId>();
  /** Blocks that were found or put on the disk lately, in RAM or not; the oldest are forgotten. */
  readonly #written = new Set<BlockId>();
  #hostHits = 0;
  #diskHits = 0;
  #misses = 0;
  #closed = false;

  constructor(options: PrefixStoreOptions) {
    const { fingerprint, hostBytes, spareBytes, disk, costOf, threadModule } = options;
    this.#costOf = costOf ?? tokensOf;
    this.#pool = new PayloadPool(spareBytes);
    this.#host = new HostTier(hostBytes, (key, payload) => this.#demote(key, payload));
    if (disk === undefined || disk.bytes === 0) return;
    const { bytes: limit, ...others } = disk;
    this.#disk = new DiskStore({ ...others, limit, fingerprint, threadModule }, this.#pool, (id, outcome) => {
      if (outcome !== 'written' && outcome !== 'present') return;
      this.#remember(id);
      if (this.#host.has(id)) this.#onDisk.add(id);
    });
  }

  /** Bytes of RAM for blocks. Setting it evicts what is above it, and lets go of unused memory. */
  get hostBytes(): number {
    return this.#host.limit;
  }

  set hostBytes(bytes: number) {
    const less = bytes < this.#host.limit;
    this.#host.limit = bytes;
    if (less) this.#pool.trim();
  }

  /** Memory for a block, to be filled, saved and released. Its content is not cleared. */
  allocate(bytes: number): Payload {
    return this.#pool.take(bytes);
  }

  /**
   * Gets memory for the next blocks ready, while there is nothing else to do: some milliseconds' work.
   * @returns whether it did; false when enough is ready
   */
  prepare(): boolean {
    return this.#pool.prepare();
  }

  /** Whether a block is in RAM: it need not be saved again. Says nothing about the disk. */
  holds(id: BlockId): boolean {
    return this.#host.has(id);
  }

  /** Blocks are kept on disk too. */
  get hasDisk(): boolean {
    return this.#disk !== undefined;
  }

  /** A block from RAM, at once, with a reference that is the caller's. Counts as a use. */
  get({ id }: BlockKey): Payload | undefined {
    const payload = this.#host.pin(id)?.retain();
    if (payload === undefined) return undefined;
    this.#host.unpin(id);
    this.#hostHits++;
    return payload;
  }

  /** How many of the keys, from the first on, each tier holds; what is in both counts in both. */
  async findEach(keys: readonly BlockKey[]): Promise<{ readonly host: number; readonly disk: number }> {
    const ids = keys.map(({ id }) => id);
    return { host: this.#host.leading(ids), disk: (await this.#disk?.leading(ids)) ?? 0 };
  }

  /**
   * How many of the keys there are up to the last one that each tier holds.
   * @param reach how many of them are of use, from the first on, in each tier; all when absent
   */
  async findLast(
    keys: readonly BlockKey[],
    reach: { readonly host: number; readonly disk: number } = { host: keys.length, disk: keys.length },
  ): Promise<{ readonly host: number; readonly disk: number }> {
    const host = keys.slice(0, reach.host).findLastIndex(({ id }) => this.#host.has(id)) + 1;
    const asked = keys.slice(0, reach.disk);
    const disk = (await this.#disk?.last(asked.map(({ id }) => id))) ?? 0;
    this.missed(asked.slice(disk));
    return { host, disk };
  }

  /** The disk takes what is saved now; if not, it is better saved later. */
  get takesMore(): boolean {
    return this.#disk === undefined || !this.#disk.usable || this.#disk.hasRoom;
  }

  /** Whether a block need not be saved: it is in RAM, waits for the disk, or was seen there. */
  keeps(id: BlockId): boolean {
    return this.#host.has(id) || this.#written.has(id) || this.#disk?.isQueued(id) === true;
  }

  /** The disk may have lost these: those that are not in RAM are to be saved again. */
  missed(keys: readonly BlockKey[]): void {
    for (const { id } of keys) this.#written.delete(id);
  }

  /** How much of a chain is held where. It may be less by the time that it is loaded. @param keys from the first on */
  async find(keys: readonly BlockKey[]): Promise<HeldChain> {
    const inHost = keys.map(({ id }) => this.#host.has(id));
    const others = keys.filter((_, at) => inHost[at] === false).map(({ id }) => id);
    const there = others.length === 0 ? 0 : ((await this.#disk?.leading(others)) ?? 0);
    let length = 0;
    let disk = 0;
    while (length < keys.length && (inHost[length] === true || disk < there)) {
      if (inHost[length] === false) disk++;
      length++;
    }
    return { length, host: length - disk, disk };
  }

  /**
   * Blocks from the first key on, up to one that is not held; from the disk they come checked, and stay in RAM as far
   * as there is room. Counts as a use. All payloads are in memory at once: long chains are better loaded in parts.
   * @param keys from the first block that is wanted on
   * @returns payloads of the first keys, each with a reference that is the caller's
   */
  async load(keys: readonly BlockKey[]): Promise<Payload[]> {
    const loaded: Payload[] = [];
    const pinned: BlockId[] = [];
    while (loaded.length < keys.length) {
      const id = keys[loaded.length]?.id ?? '';
      const payload = this.#host.pin(id);
      if (payload === undefined) {
        if (!(await this.#loadFromDisk(keys, loaded))) break;
        continue;
      }
      pinned.push(id);
      loaded.push(payload.retain());
      this.#hostHits++;
    }
    for (const id of pinned) this.#host.unpin(id);
    if (this.#closed) this.#host.clear(); // of what was pinned, and came, while it closed
    const missing = keys[loaded.length];
    if (missing !== undefined) {
      this.#misses++;
      this.missed(keys.slice(loaded.length));
    }
    this.#disk?.touch(keys.slice(0, loaded.length).map(({ id }) => id));
    return loaded;
  }

  /**
   * Keeps a block in RAM, and has it written to the disk if it is not there. Never waits. Parents are saved before
   * their children.
   * @param payload the reference stays the caller's
   * @param cost what computing it again takes; `costOf` when absent
   */
  save(key: BlockKey, payload: Payload, cost = this.#costOf(key)): void {
    if (this.#isReachable(key)) this.#host.put(key, payload, cost);
    if (!this.#onDisk.has(key.id)) this.#disk?.write(key, payload);
  }

  /** A chain was used, although it was not loaded. @param keys from the first block on */
  touch(keys: readonly BlockKey[]): void {
    const ids = keys.map(({ id }) => id);
    this.#host.touch(ids);
    this.#disk?.touch(ids);
  }

  /**
   * Waits until all that was saved is on disk, as far as the disk takes it.
   * @param deadline milliseconds
   * @returns whether it was in time
   */
  async flush(deadline: number): Promise<boolean> {
    return this.#disk === undefined || this.#disk.flush(deadline);
  }

  async stats(): Promise<PrefixStoreStats> {
    const disk = await this.#disk?.stats();
    return {
      host: this.#host.stats(),
      payloads: this.#pool.stats(),
      hostHits: this.#hostHits,
      diskHits: this.#diskHits,
      misses: this.#misses,
      disk,
    };
  }

  /** Removes all blocks of this model. @returns blocks removed from RAM, and files removed */
  async clear(): Promise<{ host: number; disk: number }> {
    const host = this.#host.clear();
    this.#onDisk.clear();
    this.#written.clear();
    this.#pool.trim();
    return { host, disk: (await this.#disk?.clear()) ?? 0 };
  }

  /** Reads every file of this model and sets bad ones aside. @returns undefined when there is no disk */
  async verify(): Promise<VerifyReport | undefined> {
    const report = await this.#disk?.verify();
    // Which were bad is not told: what leaves RAM is offered to the disk again.
    if (report !== undefined && report.bad > 0) this.#onDisk.clear();
    return report;
  }

  /**
   * Writes what is to be written, ends the disk thread and gives the memory back. The store is of no use then.
   * @param deadline milliseconds; what is not written by then is lost
   */
  async close(deadline: number): Promise<void> {
    const started = performance.now();
    await this.#writeRest(deadline);
    await this.#disk?.close(Math.max(0, deadline - (performance.now() - started)));
    this.#closed = true;
    this.#host.clear();
    this.#onDisk.clear();
    this.#pool.trim();
  }

  /** What is in RAM only, because the queue was full when it was saved. */
  async #writeRest(deadline: number): Promise<void> {
    if (this.#disk === undefined) return;
    const started = performance.now();
    for (const { key } of this.#host.entries()) {
      const left = deadline - (performance.now() - started);
      if (left <= 0 || !this.#disk.usable) return;
      const bytes = this.#host.peek(key.id)?.payload.capacity ?? 0;
      if (!this.#onDisk.has(key.id) && !this.#disk.hasRoomFor(bytes)) await this.#disk.flush(left);
      // It may have left RAM meanwhile, and was written then.
      const payload = this.#host.peek(key.id)?.payload;
      if (payload !== undefined && !this.#onDisk.has(key.id)) this.#disk.write(key, payload);
    }
  }

  #remember(id: BlockId): void {
    this.#written.delete(id);
    this.#written.add(id);
    const [oldest] = this.#written;
    if (this.#written.size > mostRemembered && oldest !== undefined) this.#written.delete(oldest);
  }

  /** @returns false when the chain ends here */
  async #loadFromDisk(keys: readonly BlockKey[], loaded: Payload[]): Promise<boolean> {
    if (this.#disk === undefined) return false;
    const start = loaded.length;
    const rest = keys.slice(start);
    const inHost = rest.findIndex(({ id }) => this.#host.has(id));
    const wanted = inHost < 0 ? rest : rest.slice(0, inHost);
    const payloads = await this.#disk.read(wanted.map(({ id }) => id));
    for (const [at, payload] of payloads.entries()) {
      loaded.push(payload);
      this.#diskHits++;
      const key = wanted[at];
      if (key !== undefined) this.#remember(key.id);
      if (key !== undefined && this.#host.put(key, payload, this.#costOf(key))) this.#onDisk.add(key.id);
    }
    return payloads.length === wanted.length;
  }

  /** Whether a block in RAM could be of use: without a disk, that needs the block before it. */
  #isReachable(key: BlockKey): boolean {
    return key.parent === rootId || this.#disk?.usable === true || this.#host.has(key.parent);
  }

  /** What leaves RAM goes to the disk, unless it is there: it was dropped or refused when it was saved. */
  #demote(key: BlockKey, payload: Payload): void {
    if (!this.#onDisk.delete(key.id)) this.#disk?.write(key, payload);
  }
}

/** About 10 MiB of ids. */
const mostRemembered = 65_536;

function tokensOf(key: BlockKey): number {
  // All that comes before a snapshot is computed again without it.
  return key.kind === 'block' ? key.tokens : key.position + key.tokens;
}

import type { Token } from '../core/generation.js';
import type { ModelRunner } from '../core/model-runner.js';
import type { CacheMovements, PromptCacheReport } from '../core/prompt-cache.js';
import { BlockChain, blockTokens, rootId, type BlockKey } from '../prefix-cache/block-id.js';
import type { Payload } from '../prefix-cache/payload.js';
import type { PrefixStore } from '../prefix-cache/prefix-store.js';
import { diskReport, hostReport } from './cache-report.js';
import { RecentPrompts } from './recent-prompts.js';
import { snapshotInterval, snapshotPositions } from './snapshot-plan.js';

/** A prompt, or what a lane holds, and the salt of those who may share it. */
export interface CachedTokens {
  readonly scope: string;
  readonly tokens: readonly Token[];
}

/** The keys of a prompt at each boundary between its blocks. */
interface Boundary {
  /** Of the block that ends here. */
  readonly block: BlockKey;
  /** Of the state here, where a memory has one. */
  readonly snapshot: BlockKey;
}

/** A state that was copied out of a lane, and is of use when the blocks before it are saved. */
interface KeptState {
  readonly key: BlockKey;
  /** Blocks before it. */
  readonly blocks: number;
  readonly payload: Payload;
}

/** What is to be copied out of a lane when there is time. */
interface Saving {
  readonly lane: number;
  readonly content: CachedTokens;
  /** Where the memory has a state: the blocks before it are saved, and then it. */
  readonly state?: KeptState | undefined;
  /** Of the content; absent until its turn comes. */
  boundaries?: readonly Boundary[];
  next: number;
}

/** Blocks of one chain that are read from the disk in one go. */
const fetchedAtOnce = 64;

/** Of the RAM for blocks, as much may be held by states of sequences that generate, beside it. */
const keptShare = 1 / 4;

/** Bytes that waiting prompts may hold at least, whatever RAM the cache has. */
const leastFetched = 256 * 2 ** 20;

/**
 * The tiers of the prompt cache below the KV cache, as the engine uses them: copies cells of lanes out, block by block,
 * and puts them back where a prompt begins as one before it. Where a memory can not be cut, a chain of blocks is of use
 * only with a snapshot of the state at its end (docs/decisions/0019).
 *
 * Lives on the engine thread. Only {@link fetch} waits, for the disk; all else is done between two steps.
 */
export class BlockCache {
  readonly store: PrefixStore;
  readonly #runner: ModelRunner;
  readonly #fingerprint: string;
  readonly #hasCells: boolean;
  readonly #hasState: boolean;
  /** Blocks that were read for prompts that have no lane yet, by id, and how many of these want them. */
  readonly #fetched = new Map<string, { payload: Payload; users: number }>();
  #fetchedBytes = 0;
  readonly #recent = new RecentPrompts();
  /** Of the last snapshot; 0 before the first. */
  #snapshotBytes = 0;
  /** The last state of each lane whose sequence generates. */
  readonly #kept = new Map<number, KeptState>();
  #savings: Saving[] = [];
  #counts = { savedBlocks: 0, savedSnapshots: 0, restoredTokens: 0, faults: 0 };

  /** @param fingerprint of what makes states exchangeable */
  constructor(runner: ModelRunner, store: PrefixStore, fingerprint: string) {
    this.#runner = runner;
    this.store = store;
    this.#fingerprint = fingerprint;
    this.#hasCells = runner.info.memory !== 'state';
    this.#hasState = runner.info.memory !== 'cells';
  }

  get counts(): CacheMovements {
    return { ...this.#counts };
  }

  /** There is something to save. */
  get saving(): boolean {
    return this.#savings.length > 0;
  }

  /**
   * A prompt is computed from here on: where its state is worth a snapshot.
   * @param held tokens that need not be computed
   * @param boundaries where its messages end, in tokens
   * @returns as {@link snapshotPositions}; none where the memory can be cut
   */
  snapshotPositions(prompt: CachedTokens, held: number, boundaries: readonly number[]): readonly number[] {
    if (!this.#hasState) return [];
    const ids = this.#boundaries(prompt).map(({ block }) => block.id);
    const common = this.#recent.meet(ids) * blockTokens;
    const room = { snapshotBytes: this.#snapshotBytes, roomBytes: this.#roomBytes };
    return snapshotPositions({ length: prompt.tokens.length, held, boundaries, common }, room);
  }

  /**
   * Reads what the disk has of a prompt into memory, where RAM and the KV cache have less.
   * @param held tokens that the KV cache holds of it
   * @returns undefined when there is nothing to wait for; else a promise that never rejects, of a function that lets go
   *   of what was read: to be called when the prompt was restored, or is not wanted any more
   */
  fetch(prompt: CachedTokens, held: number): Promise<() => void> | undefined {
    const boundaries = this.#boundaries(prompt);
    const first = this.#hasState ? 0 : Math.floor(held / blockTokens);
    const wanted = boundaries.slice(first);
    if (wanted.length === 0 || held >= boundaries.length * blockTokens || !this.store.hasDisk)
      return undefined;
    // Prompts that wait hold what was fetched for them: that is not to be more than what RAM is meant for.
    if (this.#inRam(wanted) || this.#fetchedBytes > Math.max(this.store.hostBytes, leastFetched))
      return undefined;
    return this.#fetch(wanted, held);
  }

  /**
   * Puts back what RAM, or what was fetched, has of a sequence beyond what its lane holds.
   * @param held tokens in the lane
   * @param options.cut removes all but the first tokens of the lane, here and in the scheduler's books
   * @param options.milliseconds after which it breaks off
   * @param options.goingOn it broke off before, and nothing was done to the lane since
   * @returns tokens in the lane now, and whether it broke off
   */
  restore(
    lane: number,
    prompt: CachedTokens,
    held: number,
    { cut, milliseconds, goingOn }: { cut: (length: number) => void; milliseconds: number; goingOn: boolean },
  ): { held: number; brokeOff: boolean } {
    const boundaries = this.#boundaries(prompt);
    const deadline = performance.now() + milliseconds;
    const now = this.#hasState
      ? this.#restoreState(lane, boundaries, held, { cut, deadline, goingOn })
      : this.#restoreCells(lane, boundaries, held, { cut, deadline });
    this.#counts.restoredTokens += Math.max(0, now.held - held);
    return now;
  }

  /** A lane's content is to be saved when there is time: where the memory has a state, up to the one that was kept last. */
  enqueue(lane: number, content: CachedTokens): void {
    const state = this.#takeKept(lane);
    if (state !== undefined) this.#savings.push({ lane, content, state, next: 0 });
    else if (!this.#hasState) this.#savings.push({ lane, content, next: 0 });
  }

  /**
   * Saves what was queued, for about so many milliseconds, or until the disk takes no more.
   * @param isThere the lane still holds it
   */
  saveSome(milliseconds: number, isThere: (lane: number, content: CachedTokens) => boolean): void {
    const deadline = performance.now() + milliseconds;
    this.#savings = this.#savings.filter(
      ({ lane, content, state }) => state !== undefined || isThere(lane, content),
    );
    // What the disk does not take now would be in RAM only.
    const goesOn = (): boolean => this.store.takesMore && performance.now() <= deadline;
    for (let saving = this.#savings[0]; saving !== undefined; saving = this.#savings[0]) {
      const { lane, content } = saving;
      if (isThere(lane, content) && !this.#saveBlocks(saving, goesOn)) return;
      this.#savings.shift();
      this.#saveState(saving);
    }
  }

  /**
   * Saves the blocks of a lane now: it is about to lose them.
   * @param milliseconds after which it breaks off, and the rest is lost
   */
  saveNow(lane: number, content: CachedTokens, milliseconds: number): void {
    const queued = this.#savings.findIndex((one) => one.lane === lane && one.content === content);
    const saving = this.#savings[queued] ?? { lane, content, state: this.#takeKept(lane), next: 0 };
    if (queued >= 0) this.#savings.splice(queued, 1);
    const deadline = performance.now() + milliseconds;
    if (!this.#hasState || saving.state !== undefined)
      this.#saveBlocks(saving, () => performance.now() <= deadline);
    this.#saveState(saving);
  }

  /**
   * Copies the state at the end of a lane whose sequence generates, in place of the one before. It is saved with the
   * lane's content ({@link enqueue}, {@link saveNow}), so that only the last one is. Now and then nothing is copied: large
   * states at fewer ends of blocks, and none for which there is no room.
   */
  keepState(lane: number, content: CachedTokens): void {
    const blocks = content.tokens.length / blockTokens;
    if (!this.#hasState || blocks % snapshotInterval(this.#snapshotBytes) !== 0) return;
    this.#takeKept(lane)?.payload.release();
    const key = this.#boundariesOf(content).at(-1)?.snapshot;
    if (key === undefined || (this.#kept.size + 1) * this.#snapshotBytes > this.store.hostBytes * keptShare)
      return;
    const payload = this.#copyState(lane);
    if (payload !== undefined) this.#kept.set(lane, { key, blocks, payload });
  }

  /** Lets go of what was not saved yet. */
  forget(): void {
    for (const { payload } of this.#kept.values()) payload.release();
    for (const { state } of this.#savings) state?.payload.release();
    this.#kept.clear();
    this.#savings = [];
  }

  /** Saves the blocks of a prompt that is being computed, where a snapshot at its end is to make them of use. */
  saveProgress(lane: number, content: CachedTokens): void {
    if (this.#hasState && this.#hasCells) this.#saveBlocks({ lane, content, next: 0 });
  }

  /** Saves the state at the end of a lane, and the blocks before it. The lane ends at a boundary between blocks. */
  saveSnapshot(lane: number, content: CachedTokens): void {
    const boundary = this.#boundariesOf(content).at(-1);
    if (boundary === undefined || this.#snapshotBytes > this.#roomBytes) return;
    if (this.#hasCells) this.#saveBlocks({ lane, content, next: 0 });
    if (this.store.keeps(boundary.snapshot.id)) return;
    const payload = this.#copyState(lane);
    if (payload === undefined) return;
    this.store.save(boundary.snapshot, payload);
    payload.release();
    this.#counts.savedSnapshots++;
  }

  /** Forgets all prompts but those that are being restored. @returns blocks removed from RAM, and files */
  async clear(): Promise<{ host: number; disk: number }> {
    this.forget();
    return this.store.clear();
  }

  /** What is held, and what was moved. */
  async report(): Promise<Pick<PromptCacheReport, 'host' | 'disk' | 'moved'>> {
    const stats = await this.store.stats();
    return {
      host: hostReport(stats),
      ...(stats.disk === undefined ? {} : { disk: diskReport(stats.disk, stats.diskHits) }),
      moved: this.counts,
    };
  }

  /**
   * How many of a prompt's first tokens RAM and disk hold, each by itself: where the memory has a state, up to the last
   * one that is there with all blocks before it.
   */
  async probe(prompt: CachedTokens): Promise<{ host: number; disk: number }> {
    const boundaries = this.#boundariesOf(prompt);
    let reach = { host: boundaries.length, disk: boundaries.length };
    if (this.#hasCells) reach = await this.store.findEach(boundaries.map(({ block }) => block));
    if (this.#hasState)
      reach = await this.store.findLast(
        boundaries.map(({ snapshot }) => snapshot),
        reach,
      );
    return { host: reach.host * blockTokens, disk: reach.disk * blockTokens };
  }

  /** Where snapshots can be kept; the disk takes what RAM does not. */
  get #roomBytes(): number {
    return this.store.hasDisk ? Infinity : this.store.hostBytes;
  }

  #inRam(boundaries: readonly Boundary[]): boolean {
    const holds = (key: BlockKey): boolean => this.store.holds(key.id);
    const last = boundaries.at(-1);
    if (this.#hasCells && !boundaries.every(({ block }) => holds(block))) return false;
    return !this.#hasState || (last !== undefined && holds(last.snapshot));
  }

  async #fetch(boundaries: readonly Boundary[], held: number): Promise<() => void> {
    const fetched: BlockKey[] = [];
    /** @returns how many of the keys, from the first on, were there */
    const load = async (keys: readonly BlockKey[]): Promise<number> => {
      let count = 0;
      while (count < keys.length) {
        const slice = keys.slice(count, count + fetchedAtOnce);
        const payloads = await this.store.load(slice);
        for (const [index, payload] of payloads.entries()) {
          const key = slice[index];
          if (key === undefined) continue;
          fetched.push(key);
          this.#hold(key.id, payload);
        }
        count += payloads.length;
        if (payloads.length < slice.length) break;
      }
      return count;
    };
    if (this.#hasState) await this.#fetchState(boundaries, held, load);
    else this.#missed(boundaries.slice(await load(boundaries.map(({ block }) => block))));
    return () => {
      for (const { id } of fetched.splice(0)) this.#letGo(id);
    };
  }

  /** Reads the last state that all blocks are there for, and these; the one before, should a file not be what it was. */
  async #fetchState(
    boundaries: readonly Boundary[],
    held: number,
    load: (keys: readonly BlockKey[]) => Promise<number>,
  ): Promise<void> {
    const blocks = this.#hasCells ? boundaries.map(({ block }) => block) : [];
    const snapshots = boundaries.map(({ snapshot }) => snapshot);
    let reach = this.#hasCells ? (await this.store.find(blocks)).length : boundaries.length;
    this.#missed(boundaries.slice(reach));
    for (let loaded = 0; reach > 0;) {
      const { host, disk } = await this.store.findLast(snapshots, { host: reach, disk: reach });
      const end = Math.max(host, disk);
      const snapshot = snapshots[end - 1];
      if (snapshot === undefined || end * blockTokens <= held) return;
      loaded += await load(blocks.slice(loaded, end));
      const missing = this.#hasCells && loaded < end;
      if (missing) this.#missed(boundaries.slice(loaded, reach));
      else if ((await load([snapshot])) > 0) return;
      reach = missing ? loaded : end - 1;
    }
  }

  /** The disk does not have these: they are to be saved again. */
  #missed(boundaries: readonly Boundary[]): void {
    this.store.missed(boundaries.flatMap(({ block, snapshot }) => [block, snapshot]));
  }

  #hold(id: string, payload: Payload): void {
    const known = this.#fetched.get(id);
    if (known === undefined) {
      this.#fetched.set(id, { payload, users: 1 });
      this.#fetchedBytes += payload.capacity;
    } else {
      known.users++;
      payload.release();
    }
  }

  #letGo(id: string): void {
    const held = this.#fetched.get(id);
    if (held === undefined || --held.users > 0) return;
    this.#fetched.delete(id);
    this.#fetchedBytes -= held.payload.capacity;
    held.payload.release();
  }

  /** A block in memory, with a reference that is the caller's. */
  #take(key: BlockKey): Payload | undefined {
    return this.store.get(key) ?? this.#fetched.get(key.id)?.payload.retain();
  }

  #has({ id }: BlockKey): boolean {
    return this.store.holds(id) || this.#fetched.has(id);
  }

  #restoreCells(
    lane: number,
    boundaries: readonly Boundary[],
    held: number,
    { cut, deadline }: { cut: (length: number) => void; deadline: number },
  ): { held: number; brokeOff: boolean } {
    let at = Math.floor(held / blockTokens);
    this.store.touch(boundaries.slice(0, at).map(({ block }) => block));
    const first = boundaries[at]?.block;
    if (first === undefined || !this.#has(first)) return { held, brokeOff: false };
    if (held % blockTokens !== 0) cut(at * blockTokens);
    for (const { block } of boundaries.slice(at)) {
      if (performance.now() > deadline) return { held: at * blockTokens, brokeOff: true };
      if (!this.#putBack(block, (bytes) => this.#runner.restoreCells(lane, at * blockTokens, bytes))) break;
      at++;
    }
    return { held: at * blockTokens, brokeOff: false };
  }

  /** The longest chain with a snapshot at its end; what the lane holds is of use only if it is longer. */
  #restoreState(
    lane: number,
    boundaries: readonly Boundary[],
    held: number,
    { cut, deadline, goingOn }: { cut: (length: number) => void; deadline: number; goingOn: boolean },
  ): { held: number; brokeOff: boolean } {
    const nothing = { held: 0, brokeOff: false };
    const missing = this.#hasCells ? boundaries.findIndex(({ block }) => !this.#has(block)) : -1;
    const chain = missing < 0 ? boundaries : boundaries.slice(0, missing);
    const last = chain.findLastIndex(({ snapshot }) => this.#has(snapshot));
    const snapshot = chain[last]?.snapshot;
    const end = (last + 1) * blockTokens;
    if (snapshot === undefined || end < held || (end === held && !goingOn)) {
      // Cells without a state are of no use.
      if (!goingOn) return { held, brokeOff: false };
      cut(0);
      return nothing;
    }
    if (!goingOn) cut(0);
    let at = goingOn ? held / blockTokens : 0;
    for (const { block } of this.#hasCells ? chain.slice(at, last + 1) : []) {
      if (performance.now() > deadline) return { held: at * blockTokens, brokeOff: true };
      if (!this.#putBack(block, (bytes) => this.#runner.restoreCells(lane, at * blockTokens, bytes))) {
        this.#runner.removeCells(lane, 0, -1);
        return nothing;
      }
      at++;
    }
    if (this.#putBack(snapshot, (bytes) => this.#runner.restoreSnapshot(lane, bytes)))
      return { held: end, brokeOff: false };
    this.#runner.removeCells(lane, 0, -1);
    return nothing;
  }

  #putBack(key: BlockKey, put: (bytes: Uint8Array) => 'ok' | 'no-cells'): boolean {
    const payload = this.#take(key);
    if (payload === undefined) return false;
    try {
      if (put(payload.bytes) !== 'ok') return false;
      return true;
    } catch {
      // The library does not take the bytes, and has changed nothing: the tokens are computed instead.
      this.#counts.faults++;
      return false;
    } finally {
      payload.release();
    }
  }

  /**
   * @param goesOn whether there is time for another block
   * @returns false when there was none before all was saved
   */
  #saveBlocks(saving: Saving, goesOn = (): boolean => true): boolean {
    const { lane, content, state } = saving;
    if (!this.#hasCells) return true;
    const boundaries = (saving.boundaries ??= this.#boundariesOf(content));
    const count = state?.blocks ?? boundaries.length;
    for (; saving.next < count; saving.next++) {
      const block = boundaries[saving.next]?.block;
      if (block === undefined || this.store.keeps(block.id)) continue;
      if (!goesOn()) return false;
      const from = saving.next * blockTokens;
      const payload = this.#copy(
        () => this.#runner.cellsSize(blockTokens),
        (allocate) => this.#runner.saveCells(lane, from, from + blockTokens, allocate),
      );
      if (payload === undefined) return true;
      this.store.save(block, payload);
      payload.release();
      this.#counts.savedBlocks++;
    }
    return true;
  }

  /** A state is worth saving when the blocks before it are, and are those of the lane that it was copied from. */
  #saveState({ content, state, boundaries = [] }: Saving): void {
    if (state === undefined) return;
    const { key, blocks, payload } = state;
    const before = (this.#hasCells ? boundaries : this.#boundariesOf(content)).slice(0, blocks);
    const isOf = before.at(-1)?.snapshot.id === key.id;
    if (isOf && (!this.#hasCells || before.every(({ block }) => this.store.keeps(block.id)))) {
      this.store.save(key, payload);
      this.#counts.savedSnapshots++;
    }
    payload.release();
  }

  #takeKept(lane: number): KeptState | undefined {
    const state = this.#kept.get(lane);
    this.#kept.delete(lane);
    return state;
  }

  #copyState(lane: number): Payload | undefined {
    return this.#copy(
      () => (this.#snapshotBytes = this.#runner.snapshotSize(lane)),
      (allocate) => this.#runner.saveSnapshot(lane, allocate),
    );
  }

  /** @returns with a reference that is the caller's; undefined when it could not be copied: it is computed again, should anybody want it */
  #copy(
    size: () => number,
    copy: (allocate: (bytes: number) => Uint8Array<SharedArrayBuffer>) => unknown,
  ): Payload | undefined {
    let payload: Payload | undefined;
    try {
      payload = this.store.allocate(size());
      const { bytes } = payload;
      copy(() => bytes);
      return payload;
    } catch {
      payload?.release();
      this.#counts.faults++;
      return undefined;
    }
  }

  /** The last token of a prompt is always computed: its result is wanted. */
  #boundaries({ scope, tokens }: CachedTokens): Boundary[] {
    return this.#boundariesOf({ scope, tokens: tokens.slice(0, -1) });
  }

  #boundariesOf({ scope, tokens }: CachedTokens): Boundary[] {
    const chain = new BlockChain(this.#fingerprint, scope);
    const boundaries: Boundary[] = [];
    for (let end = blockTokens; end <= tokens.length; end += blockTokens) {
      chain.append(tokens.slice(end - blockTokens, end));
      const block = chain.keys.at(-1);
      const snapshot = chain.snapshotKey();
      // Where there are no blocks, nothing has to be there for a snapshot to be of use.
      if (block !== undefined)
        boundaries.push({ block, snapshot: this.#hasCells ? snapshot : { ...snapshot, parent: rootId } });
    }
    return boundaries;
  }
}

import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { BlockId, BlockKey } from './block-id.js';
import type { DiskCall, DiskCallResults, DiskCommand, DiskEvent, QueueOutcome } from './disk-messages.js';
import type { DiskStats, VerifyReport } from './disk-stats.js';
import type { DiskTierOptions } from './disk-tier.js';
import type { Payload, PayloadPool } from './payload.js';
import { SilenceWatch } from './silence-watch.js';

const require = createRequire(import.meta.url);

export interface DiskStoreOptions extends DiskTierOptions {
  /** Bytes of memory that blocks may hold until they are written. */
  readonly queueBytes: number;
  /** How long the thread may be silent while it is asked something, milliseconds. */
  readonly patience: number;
  /** The module that the thread runs; heddle's own when absent. For tests. */
  readonly threadModule?: string | URL | undefined;
}

export interface DiskStoreStats {
  /**
   * `silent`: it has not answered in time, and is not waited for until it does. `lost`: it ended unexpectedly; the
   * store goes on without a disk.
   */
  readonly thread: 'running' | 'silent' | 'lost' | 'closed';
  /** Why the thread is lost. */
  readonly loss: string | undefined;
  /** Blocks that are to be written, and memory that they hold. */
  readonly queued: number;
  readonly queuedBytes: number;
  /** Blocks that were not written because the queue was full, the thread gone, or the store closed. */
  readonly dropped: number;
  /** Questions that were answered with "not there" because the thread was silent or gone. */
  readonly unanswered: number;
  /** What the thread says; undefined when it does not. */
  readonly tier: DiskStats | undefined;
}

interface Waiting {
  readonly onBlock: ((payload: Payload) => void) | undefined;
  /** Without a value: there will be no answer. */
  readonly settle: (value?: DiskCallResults[keyof DiskCallResults]) => void;
}

/**
 * A disk tier on a thread of its own, as the engine thread uses it. Nothing throws, and nothing waits for a disk that
 * hangs: what can not be had is a miss. Blocks to be written are queued, up to a limit of bytes, and are found in the
 * queue until they are on disk.
 */
export class DiskStore {
  readonly #pool: PayloadPool;
  readonly #queueBytes: number;
  readonly #onOutcome: (id: BlockId, outcome: QueueOutcome) => void;
  readonly #watch: SilenceWatch;
  readonly #waiting = new Map<number, Waiting>();
  /** In the order in which they were sent to the thread, which is that in which it writes them. */
  readonly #queue = new Map<BlockId, { readonly payload: Payload; readonly number: number }>();
  readonly #flushes: { readonly until: number; readonly resolve: (complete: boolean) => void }[] = [];
  #worker: Worker | undefined;
  #ended: Promise<void> = Promise.resolve();
  #closed = false;
  #loss: string | undefined;
  #nextCall = 1;
  #sent = 0;
  #queuedBytes = 0;
  #dropped = 0;
  #unanswered = 0;
  /** Size of the payloads that were last here: what memory is lent for reads. */
  #usualBytes = 0;

  /** @param onOutcome told what became of each queued block */
  constructor(
    options: DiskStoreOptions,
    pool: PayloadPool,
    onOutcome: (id: BlockId, outcome: QueueOutcome) => void = () => {},
  ) {
    const { queueBytes, patience, threadModule, ...workerData } = options;
    this.#pool = pool;
    this.#queueBytes = queueBytes;
    this.#onOutcome = onOutcome;
    this.#watch = new SilenceWatch(patience, () => this.#giveUp());
    try {
      this.#worker = new Worker(threadModule ?? require.resolve('#disk-thread'), {
        workerData,
        name: 'prefix cache',
      });
    } catch (error) {
      this.#loss = String(error);
      return;
    }
    this.#ended = this.#listen(this.#worker);
  }

  /** Whether the thread is there, as far as is known. */
  get usable(): boolean {
    return this.#worker !== undefined && !this.#closed;
  }

  /** How many of the ids are on disk or queued, from the first one on. */
  async leading(ids: readonly BlockId[]): Promise<number> {
    const asked = ids.filter((id) => !this.#queue.has(id));
    const known = new Set(ids.filter((id) => this.#queue.has(id)));
    const there =
      asked.length === 0 ? 0 : ((await this.#call<'leading'>({ type: 'leading', ids: asked })) ?? 0);
    for (const id of asked.slice(0, there)) known.add(id);
    const missing = ids.findIndex((id) => !known.has(id));
    return missing < 0 ? ids.length : missing;
  }

  /** How many of the ids there are up to the last one that is on disk or queued; 0 when none is. */
  async last(ids: readonly BlockId[]): Promise<number> {
    const queued = ids.findLastIndex((id) => this.#queue.has(id)) + 1;
    const later = ids.slice(queued);
    const there = later.length === 0 ? 0 : ((await this.#call<'last'>({ type: 'last', ids: later })) ?? 0);
    return there === 0 ? queued : queued + there;
  }

  /** There is room in the queue for one more block of the usual size. An empty queue has all the room there is. */
  get hasRoom(): boolean {
    return this.#queue.size === 0 || this.hasRoomFor(2 * this.#usualBytes);
  }

  /** @param bytes the capacity of a payload */
  hasRoomFor(bytes: number): boolean {
    return this.#queuedBytes + bytes <= this.#queueBytes;
  }

  /**
   * Reads blocks from the first one on, up to one that is not there or is not what it should be.
   * @returns payloads of the first ids; each with a reference that is the caller's
   */
  async read(ids: readonly BlockId[]): Promise<Payload[]> {
    const payloads: Payload[] = [];
    while (payloads.length < ids.length) {
      const queued = this.#queue.get(ids[payloads.length] ?? '');
      if (queued !== undefined) {
        payloads.push(queued.payload.retain());
        continue;
      }
      const rest = ids.slice(payloads.length);
      const inQueue = rest.findIndex((id) => this.#queue.has(id));
      const asked = inQueue < 0 ? rest : rest.slice(0, inQueue);
      const before = payloads.length;
      await this.#readRun(asked, payloads);
      if (payloads.length - before < asked.length) break;
    }
    return payloads;
  }

  /** Whether a block is still to be written. */
  isQueued(id: BlockId): boolean {
    return this.#queue.has(id);
  }

  /**
   * Queues a block to be written, holding a reference of its own until it is.
   * @returns false when it is dropped
   */
  write(key: BlockKey, payload: Payload): boolean {
    if (this.#queue.has(key.id)) return true;
    if (!this.hasRoomFor(payload.capacity) || !this.usable) {
      this.#dropped++;
      return false;
    }
    this.#usualBytes = payload.bytes.length;
    this.#sent++;
    this.#queue.set(key.id, { payload: payload.retain(), number: this.#sent });
    this.#queuedBytes += payload.capacity;
    this.#post({ type: 'write', key, payload: payload.bytes });
    return true;
  }

  /** A chain was used. @param ids from the first block on */
  touch(ids: readonly BlockId[]): void {
    if (ids.length > 0) this.#post({ type: 'touch', ids });
  }

  /**
   * Waits until every block that is queued now was written, or was found not to be.
   * @param deadline milliseconds
   * @returns false when the deadline has passed or the thread has ended before
   */
  async flush(deadline: number): Promise<boolean> {
    if (this.#queue.size === 0) return true;
    return new Promise((resolve) => {
      const flush = { until: this.#sent, resolve: finish };
      const timer = setTimeout(() => {
        const at = this.#flushes.indexOf(flush);
        if (at >= 0) this.#flushes.splice(at, 1);
        resolve(false);
      }, deadline);
      function finish(complete: boolean): void {
        clearTimeout(timer);
        resolve(complete);
      }
      this.#flushes.push(flush);
    });
  }

  async stats(): Promise<DiskStoreStats> {
    const tier = await this.#call<'stats'>({ type: 'stats' });
    return {
      thread: this.#state(),
      loss: this.#loss,
      queued: this.#queue.size,
      queuedBytes: this.#queuedBytes,
      dropped: this.#dropped,
      unanswered: this.#unanswered,
      tier,
    };
  }

  /** Removes all blocks of this fingerprint, those in the queue included. @returns files removed */
  async clear(): Promise<number> {
    return (await this.#call<'clear'>({ type: 'clear' })) ?? 0;
  }

  /** Reads every block of this fingerprint and sets bad ones aside. @returns undefined when the thread is gone */
  async verify(): Promise<VerifyReport | undefined> {
    return this.#call<'verify'>({ type: 'verify' });
  }

  /**
   * Writes what is queued and ends the thread. Later calls find nothing.
   * @param deadline milliseconds; what is not written by then is dropped
   */
  async close(deadline: number): Promise<void> {
    if (this.#closed) {
      await this.#ended;
      return;
    }
    this.#closed = true;
    const started = performance.now();
    await this.flush(deadline);
    this.#post({ type: 'close' });
    let timer: NodeJS.Timeout | undefined;
    const left = Math.max(0, deadline - (performance.now() - started));
    const late = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), left)));
    const outcome = await Promise.race([this.#ended, late]);
    clearTimeout(timer);
    if (outcome !== 'late') return;
    // It has no native objects, so it may be ended from outside. Inside a call of the system even that waits, and its
    // payloads are not used again.
    this.#worker?.unref();
    this.#ended = Promise.resolve();
    void this.#worker?.terminate();
    this.#abandonAll();
  }

  async #readRun(ids: readonly BlockId[], payloads: Payload[]): Promise<void> {
    const spares: SharedArrayBuffer[] = [];
    while (this.#usualBytes > 0 && spares.length < ids.length) {
      const spare = this.#pool.takeSpare(this.#usualBytes);
      if (spare === undefined) break;
      spares.push(spare);
    }
    const onBlock = (payload: Payload): void => {
      this.#usualBytes = payload.bytes.length;
      payloads.push(payload);
    };
    const unused = await this.#call<'read'>({ type: 'read', ids, spares }, onBlock);
    for (const spare of unused ?? []) this.#pool.giveSpare(spare);
  }

  /** @returns undefined when there is no answer */
  async #call<Type extends keyof DiskCallResults>(
    command: Omit<Extract<DiskCall, { type: Type }>, 'call'>,
    onBlock?: (payload: Payload) => void,
  ): Promise<DiskCallResults[Type] | undefined> {
    if (!this.usable || this.#watch.silent) {
      this.#unanswered++;
      return undefined;
    }
    const call = this.#nextCall++;
    return new Promise((resolve) => {
      this.#waiting.set(call, {
        onBlock,
        settle: (value) => {
          if (value === undefined) this.#unanswered++;
          resolve(value as DiskCallResults[Type] | undefined);
        },
      });
      this.#watch.begin();
      this.#post({ ...command, call } as unknown as DiskCall);
    });
  }

  #post(command: DiskCommand): void {
    this.#worker?.postMessage(command);
  }

  /** @returns when the thread has ended */
  async #listen(worker: Worker): Promise<void> {
    let failure: string | undefined;
    worker.on('message', (event: DiskEvent) => {
      this.#watch.heard();
      this.#handle(event);
    });
    worker.on('error', (error: Error) => (failure = error.message));
    return new Promise((resolve) => {
      worker.on('exit', (status) => {
        this.#worker = undefined;
        if (!this.#closed || failure !== undefined) this.#loss = failure ?? `status ${status}`;
        this.#dropQueue();
        this.#abandonAll();
        resolve();
      });
    });
  }

  #handle(event: DiskEvent): void {
    switch (event.type) {
      case 'alive':
        return;
      case 'written':
        this.#acknowledge(event);
        return;
      case 'block':
        this.#takeBlock(event);
        return;
      case 'done':
        this.#finish(event);
        return;
    }
  }

  #acknowledge({ id, outcome }: Extract<DiskEvent, { type: 'written' }>): void {
    const queued = this.#queue.get(id);
    if (queued === undefined) return;
    this.#queue.delete(id);
    this.#queuedBytes -= queued.payload.capacity;
    this.#onOutcome(id, outcome);
    queued.payload.release();
    const [first] = this.#queue.values();
    while (this.#flushes[0] !== undefined && this.#flushes[0].until < (first?.number ?? Infinity))
      this.#flushes.shift()?.resolve(true);
  }

  #takeBlock({ call, payload }: Extract<DiskEvent, { type: 'block' }>): void {
    const onBlock = this.#waiting.get(call)?.onBlock;
    if (onBlock === undefined) this.#pool.giveSpare(payload.buffer);
    else onBlock(this.#pool.adopt(payload));
  }

  #finish({ call, value }: Extract<DiskEvent, { type: 'done' }>): void {
    const waiting = this.#waiting.get(call);
    this.#waiting.delete(call);
    if (this.#waiting.size === 0) this.#watch.end();
    if (waiting !== undefined) waiting.settle(value);
    else if (Array.isArray(value))
      for (const spare of value) this.#pool.giveSpare(spare as SharedArrayBuffer);
  }

  /** The thread does not answer: whoever waits gets nothing. It may still write, and be heard of later. */
  #giveUp(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { settle } of waiting) settle();
  }

  #abandonAll(): void {
    this.#giveUp();
    this.#watch.end();
    for (const { resolve } of this.#flushes.splice(0)) resolve(false);
  }

  #dropQueue(): void {
    for (const { payload } of this.#queue.values()) {
      this.#dropped++;
      payload.release();
    }
    this.#queue.clear();
    this.#queuedBytes = 0;
  }

  #state(): DiskStoreStats['thread'] {
    if (this.#loss !== undefined) return 'lost';
    if (this.#closed) return 'closed';
    return this.#watch.silent ? 'silent' : 'running';
  }
}

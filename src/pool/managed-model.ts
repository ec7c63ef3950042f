import { HeddleError, toHeddleError, type ErrorData } from '../core/errors.js';
import type { MemoryNeed, SettleReport } from '../core/memory.js';
import type { LoadOptions } from '../core/model-runner.js';
import type { Engine } from '../engine/engine.js';
import { transitions, type EngineState } from './engine-state.js';
import type { ModelFile } from './model-catalogue.js';
import { ModelMemory } from './model-memory.js';
import { backOff, type PoolPolicy } from './pool-policy.js';
import type { PromptCachePlan } from './prompt-cache-plan.js';
import type { Room } from './room.js';
import type { SettleBarrier } from './settle-barrier.js';
import { unlessAborted, untilAborted } from '../core/waiting.js';

/** The right to hand requests over to an engine, until {@link release}. */
export interface Lease {
  readonly model: ModelFile;
  readonly engine: Engine;
  /**
   * Gives the right back; a second call does nothing. To be called as soon as the requests are handed over: from then
   * on the engine counts them itself, so that a slow reader holds nothing.
   */
  release(): void;
}

/** What a managed model is made of, and whom it tells. */
export interface ModelServices {
  readonly policy: () => PoolPolicy;
  readonly barrier: SettleBarrier;
  /** `contained`: an engine on a thread was quarantined, so this one must live in a process. */
  readonly createEngine: (model: ModelFile, contained: boolean) => Engine;
  /** All but the prompt cache. */
  readonly loadOptions: (model: ModelFile) => LoadOptions;
  readonly planPrompts: (model: ModelFile, need: MemoryNeed) => PromptCachePlan;
  /** Whether new requests are taken; false once the pool closes. */
  readonly admitting: () => boolean;
  /**
   * Makes room before a load, waits for it, and reserves it.
   * @returns how many of the bytes that it only wishes for it has
   * @throws HeddleError `insufficient_memory` or `load_cancelled`
   */
  readonly makeRoom: (model: ManagedModel, room: Room, signal: AbortSignal) => Promise<number>;
  readonly onTransition: (model: ManagedModel, from: EngineState) => void;
  readonly onProgress: (model: ModelFile, fraction: number) => void;
  /** Memory may have become free, or the engine idle. */
  readonly onRelief: () => void;
  readonly onLost: (model: ModelFile, engine: Engine) => void;
  readonly onSettled: (model: ModelFile, report: SettleReport) => void;
}

/** How a model's engines ended that were not told to. */
export interface Losses {
  readonly count: number;
  /** The last one; absent when there was none. */
  readonly last?: {
    readonly at: number;
    readonly error: ErrorData;
    /** What its host wrote to its standard error before, the native library's log included. */
    readonly lastWords: string;
  };
}

/**
 * One model's life in the pool: its state, and the one engine it has at most. Everybody who waits waits for a promise
 * that is settled by an acknowledgement; no lock is held, so models never wait for each other here.
 */
export class ManagedModel {
  readonly file: ModelFile;
  readonly memory: ModelMemory;
  readonly #services: ModelServices;
  #state: EngineState = { kind: 'unloaded' };
  #engine: Engine | undefined;
  /** What those who ask in the states between `ready` and `unloaded` wait for. */
  #change: Promise<void> = Promise.resolve();
  #leases = 0;
  /** Those who are waiting for a lease. */
  #waiting = 0;
  /** Those for whom the engine takes no more requests. */
  readonly #holds = new Set<object>();
  #held: Promise<void> = Promise.resolve();
  #resume: () => void = () => {};
  #onHandedOver: (() => void)[] = [];
  /** Failed loads and losses since it last worked for a while. */
  #failures = 0;
  #losses: Losses = { count: 0 };
  #lastUsed = 0;
  #loadedAt = 0;
  #keepAlive: number | undefined;
  #loading: AbortController | undefined;
  /** Aborted when running requests may go on no longer. */
  #drain: AbortController | undefined;

  constructor(file: ModelFile, services: ModelServices) {
    this.file = file;
    this.#services = services;
    this.memory = new ModelMemory(services.barrier, services.policy, () => this.#onMemoryChange());
  }

  get state(): EngineState {
    return this.#state;
  }

  /** The engine, from `queued` to `unloading`. */
  get engine(): Engine | undefined {
    return this.#engine;
  }

  /** Leases that are out. */
  get leases(): number {
    return this.#leases;
  }

  /** Callers that wait for a lease. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Nobody uses the engine, and nobody is about to. */
  get idle(): boolean {
    const wanted = this.#waiting > 0 && this.#holds.size === 0;
    return this.#leases === 0 && !wanted && (this.#engine?.pendingRequests ?? 0) === 0;
  }

  /** When a lease was last given or a request last ended, milliseconds since 1970. */
  get lastUsed(): number {
    return Math.max(this.#lastUsed, this.#engine?.lastActive ?? 0);
  }

  /** When the engine was last loaded, milliseconds since 1970. */
  get loadedAt(): number {
    return this.#loadedAt;
  }

  get losses(): Losses {
    return this.#losses;
  }

  /** What a client said of how long the engine stays when idle, milliseconds; undefined when none did. */
  get keepAlive(): number | undefined {
    return this.#keepAlive;
  }

  /** From now until the engine is unloaded or lost. Does nothing where there is none, or one that is on its way out. */
  stayFor(milliseconds: number): void {
    if (isComing(this.#state)) this.#keepAlive = milliseconds;
  }

  /** What keeps the model from being served as it should be, for the operator's eyes; undefined when nothing does. */
  get problem(): string | undefined {
    if (this.#state.kind === 'failed') return this.#state.error.message;
    for (const { state } of this.memory.remainders) {
      if (state === 'quarantined') return 'A thread of it did not end; it and its memory are still there.';
      if (state === 'leaked') return 'Memory of an engine that ended did not come back.';
    }
    const { last } = this.#losses;
    return last !== undefined && last.at > this.#loadedAt ? last.error.message : undefined;
  }

  /**
   * The right to use the engine, loaded if need be; whoever asks while it is unloaded waits, and loads it again. A load
   * that nobody waits for any more is cancelled.
   * @param signal the caller left
   * @throws HeddleError why it can not be loaded; `queue_full`; `request_cancelled` when the caller left
   */
  async lease(signal?: AbortSignal): Promise<Lease> {
    const { policy, admitting } = this.#services;
    if (this.#waiting >= policy().maxQueue && !this.#takesRequests()) {
      throw new HeddleError(
        'queue_full',
        `${this.#waiting} requests are waiting for the model ${this.file.id} already. Send the request again later.`,
      );
    }
    this.#waiting++;
    try {
      for (;;) {
        if (signal?.aborted === true) {
          throw new HeddleError('request_cancelled', 'The client closed the connection.');
        }
        if (!admitting()) throw new HeddleError('server_shutting_down', 'The server is shutting down.');
        await untilAborted(this.#next(), signal);
        if (this.#takesRequests() && admitting()) return this.#grant();
      }
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) this.#loading?.abort();
    }
  }

  /** Loads the model now, even if a load has failed lately. @throws HeddleError why it can not be loaded */
  async load(): Promise<void> {
    if (this.#state.kind === 'failed') this.#startLoad();
    (await this.lease()).release();
  }

  /**
   * Unloads the model: no more requests, running ones may go on for a while, then the engine is torn down. Resolves when
   * its memory is back, or the engine is quarantined. A load that is under way is cancelled. Does nothing when no engine
   * is there. A second call can shorten the time that the first one gave.
   * @param grace milliseconds that running requests may go on
   */
  async unload(grace: number): Promise<void> {
    while (this.#state.kind === 'loading' || this.#state.kind === 'queued') {
      const before = this.#state;
      this.#loading?.abort();
      await this.#change.catch(() => {}); // whoever asked for the load hears why it ended
      if (this.#state === before)
        throw new HeddleError('internal_error', `The load of ${this.file.id} ended without an outcome.`);
    }
    if (this.#state.kind === 'ready' && this.#engine !== undefined) {
      this.#drain = new AbortController();
      this.#change = this.#unload(this.#engine, this.#drain.signal);
    }
    const drain = this.#drain;
    const timer = setTimeout(() => drain?.abort(), grace);
    await this.#change.catch(() => {}); // as above
    clearTimeout(timer);
  }

  /**
   * The engine takes no more requests until {@link resume}, or until it is loaded anew: another model has its turn.
   * @returns whether that is new
   */
  hold(holder: object): boolean {
    if (this.#holds.has(holder)) return false;
    if (this.#holds.size === 0) this.#held = new Promise((resolve) => (this.#resume = resolve));
    this.#holds.add(holder);
    return true;
  }

  resume(holder: object): void {
    this.#holds.delete(holder);
    if (this.#holds.size === 0) this.#resume();
  }

  /** The engine has work and makes no progress: gives it up. A process is killed, a thread quarantined. */
  giveUp(error: ErrorData): void {
    this.#engine?.abandon(error);
  }

  #takesRequests(): boolean {
    return this.#state.kind === 'ready' && this.#engine?.alive === true && this.#holds.size === 0;
  }

  /** What must happen before a lease can be given; nothing when it can be now. */
  async #next(): Promise<void> {
    switch (this.#state.kind) {
      case 'ready':
        // An engine that is lost says so in the state next.
        if (this.#engine?.alive !== true) return this.#engine?.exited;
        return this.#holds.size > 0 ? this.#held : undefined;
      case 'failed':
        if (Date.now() < this.#state.retryAt) throw this.#state.error;
        this.#startLoad();
        return this.#change;
      case 'unloaded':
      case 'quarantined':
        this.#startLoad();
        return this.#change;
      case 'queued':
      case 'loading':
        // A load that was being cancelled before this caller came fails for others, not for this one.
        return this.#loading?.signal.aborted === true ? this.#change.catch(() => {}) : this.#change;
      case 'draining':
      case 'unloading':
      case 'settling':
        return this.#change;
    }
  }

  #grant(): Lease {
    const engine = this.#engine;
    if (engine === undefined) throw new HeddleError('internal_error', 'There is no engine to lease.');
    this.#leases++;
    this.#lastUsed = Date.now();
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      this.#leases--;
      if (this.#leases > 0) return;
      for (const resolve of this.#onHandedOver.splice(0)) resolve();
      this.#services.onRelief();
    };
    return { model: this.file, engine, release };
  }

  #startLoad(): void {
    this.#change = this.#load();
    this.#change.catch(() => {}); // those who wait for it hear of it, if anybody still does
  }

  async #load(): Promise<void> {
    const { createEngine, loadOptions, planPrompts, makeRoom, onProgress } = this.#services;
    const loading = new AbortController();
    const { signal } = loading;
    this.#loading = loading;
    const contained = [...this.memory.remainders].some(({ state }) => state === 'quarantined');
    const engine = createEngine(this.file, contained);
    const options = loadOptions(this.file);
    this.#engine = engine;
    this.#enter({ kind: 'queued', since: Date.now() });
    // A host that is lost while the load waits for memory need not wait any longer.
    void engine.exited.then(() => loading.abort());
    const cancelled = (): HeddleError =>
      new HeddleError('load_cancelled', `Loading ${this.file.id} was cancelled.`);
    try {
      // A host that hangs must not keep whoever cancels the load: the teardown's deadline is for it.
      const need = await unlessAborted(engine.predict(options), signal, cancelled);
      this.memory.predicted(engine, need);
      const plan = planPrompts(this.file, need);
      const room: Room = {
        engineBytes: need.totalBytes + engine.hostBytes,
        promptBytes: plan.demandedBytes,
        wishedBytes: plan.wishedBytes,
      };
      const promptCache = plan.optionsFor(await makeRoom(this, room, signal));
      if (signal.aborted) throw cancelled();
      this.#enter({ kind: 'loading', since: Date.now() });
      const withPrompts = promptCache === undefined ? options : { ...options, promptCache };
      const load = engine.load(withPrompts, {
        onProgress: (fraction) => onProgress(this.file, fraction),
        signal,
      });
      await unlessAborted(load, signal, cancelled);
      this.#loadedAt = Date.now();
      this.#enter({ kind: 'ready', since: this.#loadedAt });
      void this.#watch(engine);
    } catch (thrown) {
      const error = isLoss(engine.loss) ? engine.loss : toHeddleError(thrown);
      const ended = await this.#end(engine);
      // What half a load took, nobody knows; no verdict is given on it.
      if (ended !== 'unconfirmed') this.memory.forget();
      this.#noteLoss(engine, error);
      // None of these is the model's fault, so none is held against it.
      const innocent = error.code === 'load_cancelled' || error.code === 'insufficient_memory';
      if (ended === 'unconfirmed') this.#enter({ kind: 'quarantined', since: Date.now() });
      else if (innocent) this.#enter({ kind: 'unloaded' });
      else this.#fail(error);
      throw error;
    } finally {
      this.#loading = undefined;
    }
  }

  /** Never rejects: an engine's `exited` only resolves. */
  async #watch(engine: Engine): Promise<void> {
    const { policy } = this.#services;
    const readySince = Date.now();
    await engine.exited;
    if (this.#engine !== engine || (this.#state.kind !== 'ready' && this.#state.kind !== 'draining')) return;
    this.#engine = undefined;
    if (engine.abandoned) this.memory.quarantine(engine);
    else this.memory.forget();
    this.#noteLoss(engine, engine.loss);
    if (Date.now() - readySince > policy().steadyAfter) this.#failures = 0;
    this.#failures++;
    if (engine.abandoned) this.#enter({ kind: 'quarantined', since: Date.now() });
    else if (this.#failures < policy().crashLimit) this.#enter({ kind: 'unloaded' });
    else {
      this.#failures--; // counted again by the failure itself
      this.#fail(
        new HeddleError(
          'engine_crashed',
          `The engine of ${this.file.id} was lost ${policy().crashLimit} times in a row. The server's output says what it said last.`,
        ),
      );
    }
  }

  #fail(error: HeddleError): void {
    this.#failures++;
    const retryAt = Date.now() + backOff(this.#services.policy(), this.#failures);
    this.#enter({ kind: 'failed', error, retryAt });
  }

  /** Remembers that the engine was lost, if that is why it is gone. */
  #noteLoss(engine: Engine, error: HeddleError | undefined): void {
    if (!isLoss(error)) return;
    const { code, message, retryable } = error;
    const { lastWords } = engine;
    this.#losses = {
      count: this.#losses.count + 1,
      last: { at: Date.now(), error: { code, message, retryable }, lastWords },
    };
    this.#services.onLost(this.file, engine);
  }

  async #unload(engine: Engine, patience: AbortSignal): Promise<void> {
    const { policy, onSettled } = this.#services;
    const { teardownDeadline, settleDeadline } = policy();
    this.#enter({ kind: 'draining', since: Date.now() });
    await untilAborted(this.#drained(engine), patience);
    if (this.#engine !== engine) return; // it was lost meanwhile

    const unloading = Date.now();
    this.#enter({ kind: 'unloading', since: unloading, deadline: unloading + teardownDeadline });
    const release = await this.memory.prepareRelease();
    if ((await this.#end(engine)) === 'unconfirmed') {
      this.#enter({ kind: 'quarantined', since: Date.now() });
      return;
    }
    const settling = Date.now();
    this.#enter({ kind: 'settling', since: settling, deadline: settling + settleDeadline });
    await this.memory.settle(release, (report) => onSettled(this.file, report));
    this.#failures = 0;
    this.#enter({ kind: 'unloaded' });
  }

  /** Tears the engine down, or quarantines it. */
  async #end(engine: Engine): Promise<'closed' | 'killed' | 'unconfirmed'> {
    const outcome = await engine.end(this.#services.policy().teardownDeadline);
    this.#engine = undefined;
    if (outcome === 'unconfirmed') this.memory.quarantine(engine);
    return outcome;
  }

  /** Every lease was given back and the engine has said its last word on every request. */
  async #drained(engine: Engine): Promise<void> {
    if (this.#leases > 0) await new Promise<void>((resolve) => this.#onHandedOver.push(resolve));
    await engine.idle();
  }

  /** A quarantined thread that has ended after all is no reason to be wary of the model any more. */
  #onMemoryChange(): void {
    const quarantined = [...this.memory.remainders].some(({ state }) => state === 'quarantined');
    if (this.#state.kind === 'quarantined' && !quarantined) this.#enter({ kind: 'unloaded' });
    else this.#services.onRelief();
  }

  #enter(next: EngineState): void {
    const from = this.#state;
    if (!transitions[from.kind].includes(next.kind)) {
      throw new HeddleError(
        'internal_error',
        `The model ${this.file.id} can not go from ${from.kind} to ${next.kind}.`,
      );
    }
    this.#state = next;
    if (!isComing(next)) this.#keepAlive = undefined;
    if (from.kind === 'ready') {
      this.#holds.clear();
      this.#resume();
    }
    this.#services.onTransition(this, from);
  }
}

/** There is an engine that serves requests, or will. */
function isComing({ kind }: EngineState): boolean {
  return kind === 'queued' || kind === 'loading' || kind === 'ready';
}

/** The host was lost; it did not refuse. */
function isLoss(error: HeddleError | undefined): error is HeddleError {
  return error?.code === 'engine_crashed' || error?.code === 'engine_stalled';
}

import { HeddleError, toHeddleError } from '../core/errors.js';
import type { LoadOptions } from '../core/model-runner.js';
import type { Engine } from '../engine/engine.js';
import { transitions, type EngineState } from './engine-state.js';
import type { ModelFile } from './model-catalogue.js';
import { backOff, type PoolPolicy } from './pool-policy.js';
import { untilAborted, withDeadline } from './waiting.js';

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
  readonly policy: PoolPolicy;
  /** `contained`: the last engine on a thread was quarantined, so this one must live in a process. */
  readonly createEngine: (model: ModelFile, contained: boolean) => Engine;
  readonly loadOptions: (model: ModelFile) => LoadOptions;
  /** Whether new requests are taken; false once the pool closes. */
  readonly admitting: () => boolean;
  /**
   * Makes room before a load, waits for it, and reserves it.
   * @throws HeddleError `insufficient_memory` or `load_cancelled`
   */
  readonly makeRoom: (model: ManagedModel, bytes: number, signal: AbortSignal) => Promise<void>;
  /** Resolves when the memory of an engine that has ended is back. */
  readonly settle: (model: ModelFile) => Promise<void>;
  readonly onTransition: (model: ManagedModel, from: EngineState) => void;
  readonly onProgress: (model: ModelFile, fraction: number) => void;
  /** The last lease was given back. */
  readonly onReleased: () => void;
  readonly onLost: (model: ModelFile, engine: Engine) => void;
}

/**
 * One model's life in the pool: its state, and the one engine it has at most. Everybody who waits waits for a promise
 * that is settled by an acknowledgement; no lock is held, so models never wait for each other here.
 */
export class ManagedModel {
  readonly file: ModelFile;
  readonly #services: ModelServices;
  #state: EngineState = { kind: 'unloaded' };
  #engine: Engine | undefined;
  /** What those who ask in the states between `ready` and `unloaded` wait for. */
  #change: Promise<void> = Promise.resolve();
  #leases = 0;
  /** Those who are waiting for a lease. */
  #waiting = 0;
  #onHandedOver: (() => void)[] = [];
  /** Failed loads and losses since it last worked for a while. */
  #failures = 0;
  #lastUsed = 0;
  #quarantined: { readonly engine: Engine; readonly bytes: number }[] = [];
  #bytes = 0;
  #loadedAt = 0;
  #loading: AbortController | undefined;

  constructor(file: ModelFile, services: ModelServices) {
    this.file = file;
    this.#services = services;
  }

  get state(): EngineState {
    return this.#state;
  }

  /** The engine, from `loading` to `unloading`. */
  get engine(): Engine | undefined {
    return this.#engine;
  }

  /** Leases that are out. */
  get leases(): number {
    return this.#leases;
  }

  /** Nobody uses the engine, and nobody is about to. */
  get idle(): boolean {
    return this.#leases === 0 && this.#waiting === 0 && (this.#engine?.pendingRequests ?? 0) === 0;
  }

  /** When a lease was last given or a request last ended, milliseconds since 1970. */
  get lastUsed(): number {
    return Math.max(this.#lastUsed, this.#engine?.lastActive ?? 0);
  }

  /** Engines whose teardown was never confirmed. */
  get quarantined(): readonly { readonly engine: Engine; readonly bytes: number }[] {
    return this.#quarantined;
  }

  /** Memory the engine holds or has reserved; 0 when there is none. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the engine was last loaded, milliseconds since 1970. */
  get loadedAt(): number {
    return this.#loadedAt;
  }

  /** The pool's side, while the model is queued: its memory is set aside. */
  reserve(bytes: number): void {
    this.#bytes = bytes;
  }

  /**
   * The right to use the engine, loaded if need be; whoever asks while it is unloaded waits, and loads it again. A load
   * that nobody waits for any more is cancelled.
   * @param signal the caller left
   * @throws HeddleError why it can not be loaded; `load_cancelled` when the caller left
   */
  async lease(signal?: AbortSignal): Promise<Lease> {
    this.#waiting++;
    try {
      for (;;) {
        if (signal?.aborted === true) throw this.#cancelled();
        if (!this.#services.admitting()) {
          throw new HeddleError('server_shutting_down', 'The server is shutting down.');
        }
        const { kind } = this.#state;
        if (kind === 'ready' && this.#engine !== undefined) {
          if (this.#engine.alive) return this.#grant(this.#engine);
          await this.#engine.exited; // it is lost, and its state says so next
          continue;
        }
        if (kind === 'unloaded' || kind === 'quarantined') this.#startLoad();
        else if (kind === 'failed') this.#retry();
        // A load that was being cancelled before this caller came fails for others, not for this one.
        const change = this.#loading?.signal.aborted === true ? this.#change.catch(() => {}) : this.#change;
        await untilAborted(change, signal);
      }
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) this.#loading?.abort();
    }
  }

  /** Loads the model now, even if a load has failed lately. @throws HeddleError why it can not be loaded */
  async load(): Promise<void> {
    if (this.#state.kind === 'failed') this.#failures = 0;
    (await this.lease()).release();
  }

  /**
   * Unloads the model: no more requests, running ones may go on for a while, then the engine is torn down. Resolves when
   * its memory is back, or the engine is quarantined. A load that is under way is cancelled. Does nothing when no engine
   * is there.
   * @param grace milliseconds that running requests may go on
   */
  async unload(grace: number): Promise<void> {
    while (this.#state.kind === 'loading' || this.#state.kind === 'queued') {
      this.#loading?.abort();
      await this.#change.catch(() => {}); // whoever asked for the load hears why it ended
    }
    if (this.#state.kind === 'ready' && this.#engine !== undefined) {
      this.#change = this.#unload(this.#engine, grace);
    }
    await this.#change.catch(() => {}); // as above
  }

  #grant(engine: Engine): Lease {
    this.#leases++;
    this.#lastUsed = Date.now();
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      this.#leases--;
      if (this.#leases > 0) return;
      for (const resolve of this.#onHandedOver.splice(0)) resolve();
      this.#services.onReleased();
    };
    return { model: this.file, engine, release };
  }

  #retry(): void {
    if (this.#state.kind !== 'failed') return;
    if (this.#failures > 0 && Date.now() < this.#state.retryAt) throw this.#state.error;
    this.#startLoad();
  }

  #startLoad(): void {
    this.#change = this.#load();
    this.#change.catch(() => {}); // those who wait for it hear of it, if anybody still does
  }

  #cancelled(): HeddleError {
    return new HeddleError('load_cancelled', `Loading ${this.file.id} was cancelled.`);
  }

  async #load(): Promise<void> {
    const { createEngine, loadOptions, makeRoom, onProgress } = this.#services;
    const loading = new AbortController();
    this.#loading = loading;
    const engine = createEngine(this.file, this.#quarantined.length > 0);
    const options = loadOptions(this.file);
    this.#engine = engine;
    this.#enter({ kind: 'queued', since: Date.now() });
    try {
      const { totalBytes } = await engine.predict(options);
      await makeRoom(this, totalBytes, loading.signal);
      if (loading.signal.aborted) throw this.#cancelled();
      this.#enter({ kind: 'loading', since: Date.now() });
      await engine.load(options, {
        onProgress: (fraction) => onProgress(this.file, fraction),
        signal: loading.signal,
      });
      this.#loadedAt = Date.now();
      this.#enter({ kind: 'ready', since: this.#loadedAt });
      void this.#watch(engine);
    } catch (thrown) {
      const error = toHeddleError(thrown);
      const outcome = await engine.end(this.#services.policy.teardownDeadline);
      if (outcome === 'unconfirmed') this.#quarantined.push({ engine, bytes: this.#bytes });
      this.#forgetEngine();
      // Neither is the model's fault, so neither is held against it.
      if (error.code === 'load_cancelled' || error.code === 'insufficient_memory')
        this.#enter({ kind: 'unloaded' });
      else this.#fail(error);
      throw error;
    } finally {
      this.#loading = undefined;
    }
  }

  /** Never rejects: an engine's `exited` only resolves. */
  async #watch(engine: Engine): Promise<void> {
    const { policy, onLost } = this.#services;
    const readySince = Date.now();
    await engine.exited;
    if (this.#engine !== engine || (this.#state.kind !== 'ready' && this.#state.kind !== 'draining')) return;
    this.#forgetEngine();
    onLost(this.file, engine);
    if (Date.now() - readySince > policy.steadyAfter) this.#failures = 0;
    if (++this.#failures < policy.crashLimit) {
      this.#enter({ kind: 'unloaded' });
      return;
    }
    this.#failures--; // counted again by the failure itself
    this.#fail(
      new HeddleError(
        'engine_crashed',
        `The engine of ${this.file.id} was lost ${policy.crashLimit} times in a row. The server's output says what it said last.`,
      ),
    );
  }

  #fail(error: HeddleError): void {
    const { policy } = this.#services;
    this.#failures++;
    this.#enter({ kind: 'failed', error, retryAt: Date.now() + backOff(policy, this.#failures) });
  }

  async #unload(engine: Engine, grace: number): Promise<void> {
    const { policy, settle } = this.#services;
    const draining = Date.now();
    this.#enter({ kind: 'draining', since: draining, deadline: draining + grace });
    await withDeadline(this.#drained(engine), grace);
    if (this.#engine !== engine) return; // it was lost meanwhile

    const unloading = Date.now();
    this.#enter({ kind: 'unloading', since: unloading, deadline: unloading + policy.teardownDeadline });
    const outcome = await engine.end(policy.teardownDeadline);
    if (outcome === 'unconfirmed') {
      this.#quarantined.push({ engine, bytes: this.#bytes });
      this.#forgetEngine();
      this.#enter({ kind: 'quarantined', since: Date.now() });
      return;
    }
    const settling = Date.now();
    this.#enter({ kind: 'settling', since: settling, deadline: settling + policy.settleDeadline });
    await settle(this.file);
    this.#forgetEngine();
    this.#failures = 0;
    this.#enter({ kind: 'unloaded' });
  }

  #forgetEngine(): void {
    this.#engine = undefined;
    this.#bytes = 0;
  }

  /** Every lease was given back and the engine has said its last word on every request. */
  async #drained(engine: Engine): Promise<void> {
    if (this.#leases > 0) await new Promise<void>((resolve) => this.#onHandedOver.push(resolve));
    await engine.idle();
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
    this.#services.onTransition(this, from);
  }
}

import { availableParallelism } from 'node:os';
import { HeddleError, toHeddleError } from '../core/errors.js';
import type { SettleReport } from '../core/memory.js';
import type { Engine } from '../engine/engine.js';
import { BoundedProbe } from './bounded-probe.js';
import { ComputeGovernor } from './compute-governor.js';
import type { EngineState } from './engine-state.js';
import { Gpus } from './gpus.js';
import { IdleReaper } from './idle-reaper.js';
import { defaultCeiling, readMachineMemory } from './machine-memory.js';
import { ManagedModel, type Lease } from './managed-model.js';
import type { MemoryHolder } from './memory-budget.js';
import type { MemoryPressure } from './memory-pressure.js';
import type { MemoryProbe } from './memory-probe.js';
import { MemoryQueue } from './memory-queue.js';
import { MemoryWatch } from './memory-watch.js';
import type { ModelCatalogue, ModelFile } from './model-catalogue.js';
import { defaultPolicy, type PoolPolicy } from './pool-policy.js';
import { residentSlots, settingsOf, type ModelSettings, type PoolSettings } from './pool-settings.js';
import { planPromptCache } from './prompt-cache-plan.js';
import { SettleBarrier } from './settle-barrier.js';
import { StallWatch } from './stall-watch.js';
import { systemProbe } from './system-probe.js';
import { untilAborted, withDeadline } from '../core/waiting.js';

export type { Lease } from './managed-model.js';

/** Hears what happens to models. */
export interface PoolObserver {
  /** An engine was made for a model; nothing of it is started yet. */
  created?(model: ModelFile, engine: Engine): void;
  /** Somebody was given a lease, after so many milliseconds in which the model was loaded, or unloaded and loaded. */
  leased?(model: ModelFile, waited: number): void;
  /** A model went from one state to another. */
  changed(model: ManagedModel, from: EngineState): void;
  /** A load went on; the fraction done, 0 to 1. */
  progress(model: ModelFile, fraction: number): void;
  /** An engine was lost without having been told to end. */
  lost(model: ModelFile, engine: Engine): void;
  /** An engine has ended, and its memory was read until it had come back, or could be waited for no longer. */
  settled(model: ModelFile, report: SettleReport): void;
}

/**
 * The models, loaded and not. A model is loaded when it is first asked for, once, however many ask at the same time, and
 * requests to a loaded model never wait for the load of another.
 */
export class EnginePool {
  readonly catalogue: ModelCatalogue;
  readonly gpus: Gpus;
  readonly #createEngine: (model: ModelFile, contained: boolean) => Engine;
  readonly #observer: PoolObserver;
  readonly #models = new Map<string, ManagedModel>();
  readonly #governor: ComputeGovernor;
  readonly #barrier: SettleBarrier;
  readonly #memoryQueue: MemoryQueue;
  readonly #memoryWatch: MemoryWatch;
  readonly #stallWatch: StallWatch;
  readonly #reaper: IdleReaper;
  readonly #machine = readMachineMemory();
  #settings: PoolSettings;
  #policy: PoolPolicy;
  #pressureWaiters: (() => void)[] = [];
  #admitting = true;

  /**
   * @param options.createEngine `contained` asks for a host that can be killed: a thread of the model was quarantined
   * @param options.probe for tests; the system's when absent
   */
  constructor(options: {
    catalogue: ModelCatalogue;
    settings: PoolSettings;
    createEngine: (model: ModelFile, contained: boolean) => Engine;
    observer: PoolObserver;
    probe?: MemoryProbe;
  }) {
    const { catalogue, settings, createEngine, observer, probe = systemProbe() } = options;
    this.catalogue = catalogue;
    this.#settings = settings;
    this.#policy = { ...defaultPolicy, ...settings.policy };
    this.#createEngine = createEngine;
    this.#observer = observer;
    this.#governor = new ComputeGovernor(settings.threads ?? availableParallelism(), () => this.#wake());
    const bounded = new BoundedProbe(probe);
    this.gpus = new Gpus(bounded, () => this.ledger);
    this.#barrier = new SettleBarrier(bounded);
    this.#memoryQueue = new MemoryQueue(this);
    this.#memoryWatch = new MemoryWatch(bounded, this, () => this.#onPressure());
    this.#stallWatch = new StallWatch(
      () => this.#models.values(),
      () => this.#policy.stallDeadline,
    );
    this.#reaper = new IdleReaper(
      () => this.#models.values(),
      (model) => this.idleTimeoutOf(model),
    );
  }

  /** Memory that all engines together may take, bytes. */
  get memoryCeiling(): number {
    const { totalBytes, cgroupLimitBytes } = this.#machine;
    return this.#settings.memoryCeiling ?? defaultCeiling(totalBytes, cgroupLimitBytes);
  }

  /** Compute threads of a model's engine; undefined without one. */
  threadsOf({ engine }: ManagedModel): number | undefined {
    return engine === undefined ? undefined : this.#governor.threadsOf(engine);
  }

  get settings(): PoolSettings {
    return this.#settings;
  }

  /** The id that a name stands for: that of the model whose alias it is, or else the name itself. */
  idOf(name: string): string {
    const { aliases = {} } = this.#settings;
    return (Object.hasOwn(aliases, name) ? aliases[name] : undefined) ?? name;
  }

  /** The file of a model, by its id or an alias. @throws HeddleError `model_not_found` */
  async find(name: string): Promise<ModelFile> {
    const id = this.idOf(name);
    try {
      return await this.catalogue.find(id);
    } catch (thrown) {
      const error = toHeddleError(thrown);
      if (id === name || error.code !== 'model_not_found') throw error;
      throw new HeddleError('model_not_found', `"${name}" is an alias of "${id}". ${error.message}`, {
        param: 'model',
      });
    }
  }

  /** How short memory is, as last read. */
  get pressure(): MemoryPressure {
    return this.#memoryWatch.pressure;
  }

  /** The models that were asked for at least once, in whatever state they are now. */
  get models(): readonly ManagedModel[] {
    return [...this.#models.values()];
  }

  /** The state of a model, by its id or an alias; `unloaded` when it was never asked for. */
  stateOf(name: string): EngineState['kind'] {
    return this.#models.get(this.idOf(name))?.state.kind ?? 'unloaded';
  }

  get policy(): PoolPolicy {
    return this.#policy;
  }

  /** Memory of the machine, or of the container, bytes. */
  get machineBytes(): number {
    return Math.min(this.#machine.totalBytes, this.#machine.cgroupLimitBytes ?? Infinity);
  }

  /** A model that was asked for before. */
  managed(id: string): ManagedModel | undefined {
    return this.#models.get(id);
  }

  settingsOf({ file }: Pick<ManagedModel, 'file'>): ModelSettings {
    return settingsOf(this.#settings, file.id);
  }

  /** Milliseconds without a request after which a model is unloaded: what {@link keepAlive} was told, else its setting. */
  idleTimeoutOf(model: ManagedModel): number {
    return model.keepAlive ?? this.settingsOf(model).idleTimeout;
  }

  /** Memory that engines hold, have reserved, or have not been seen to give back; one line each. */
  get ledger(): readonly MemoryHolder[] {
    return this.models.flatMap((model) => holdersOf(model, this.settingsOf(model).pinned));
  }

  /** Requests that have not ended, over all engines. */
  get pendingRequests(): number {
    return this.models.reduce((sum, { engine }) => sum + (engine?.pendingRequests ?? 0), 0);
  }

  /**
   * Replaces the settings. Those of how a model is kept hold at once, those of how it is loaded at its next load; the
   * number of compute threads stays.
   */
  configure(settings: PoolSettings): void {
    this.#settings = settings;
    this.#policy = { ...defaultPolicy, ...settings.policy };
    this.#wake();
  }

  /**
   * The engine of a model, loaded if need be.
   * @param name its id, or an alias
   * @param signal the caller left; a load that nobody waits for any more is cancelled
   * @throws HeddleError `model_not_found`, `server_shutting_down`, `queue_full`, `memory_pressure`, or why the model can
   *   not be loaded
   */
  async lease(name: string, signal?: AbortSignal): Promise<Lease> {
    const asked = performance.now();
    await this.find(name); // a name that stands for nothing need not wait
    if (this.pressure !== 'none') await this.#waitForRelief(signal);
    const model = await this.#model(name);
    const lease = await model.lease(signal);
    this.#observer.leased?.(model.file, performance.now() - asked);
    return lease;
  }

  /** Loads a model now. @throws HeddleError as {@link lease} */
  async load(name: string): Promise<ManagedModel> {
    const model = await this.#model(name);
    await model.load();
    return model;
  }

  /**
   * Loads the models that are to be there before they are asked for, one after the other, by id; pinned ones first, since
   * the others have to make room for them. Ends early when the pool closes.
   * @param onFailure hears of models that can not be loaded; the others are loaded all the same
   */
  async preload(onFailure: (model: ModelFile, error: HeddleError) => void): Promise<void> {
    const wanted = (await this.catalogue.scan())
      .map((file) => ({ file, settings: settingsOf(this.#settings, file.id) }))
      .filter(({ file, settings }) => settings.preload && this.idOf(file.id) === file.id)
      .toSorted((a, b) => Number(b.settings.pinned) - Number(a.settings.pinned));
    for (const { file } of wanted) {
      if (!this.#admitting) return;
      try {
        await this.#managed(file).load();
      } catch (error) {
        if (this.#admitting) onFailure(file, toHeddleError(error));
      }
    }
  }

  /**
   * Unloads a model, if it is loaded, and resolves when that is done. Its file may be gone by then.
   * @param grace milliseconds that its running requests may go on
   * @throws HeddleError `model_not_found`
   */
  async unload(name: string, grace: number): Promise<ManagedModel> {
    const model = this.#models.get(this.idOf(name)) ?? (await this.#model(name));
    await model.unload(grace);
    return model;
  }

  /**
   * How long a model that is loaded, or being loaded, stays when nobody uses it: in place of its idle timeout, until it is
   * unloaded. Never ends a request, nor keeps a model whose memory another one needs.
   * @param name its id, or an alias; nothing happens where no engine is there
   * @param milliseconds 0 to unload it as soon as it is idle; infinite to keep it
   */
  keepAlive(name: string, milliseconds: number): void {
    this.#models.get(this.idOf(name))?.stayFor(milliseconds);
    if (this.#admitting) this.#reaper.look();
  }

  /** Unloads every model, and takes no more requests; running ones may go on for `grace` milliseconds. */
  async close(grace = 0): Promise<void> {
    this.#admitting = false;
    this.#releasePressureWaiters();
    await Promise.all(this.models.map(async (model) => model.unload(grace)));
    this.#stallWatch.stop();
    this.#memoryWatch.stop();
    this.#reaper.stop();
  }

  #wake(): void {
    this.#memoryQueue.wake();
    this.#stallWatch.wake();
    this.#memoryWatch.wake();
    if (this.#admitting) this.#reaper.look();
  }

  async #waitForRelief(signal: AbortSignal | undefined): Promise<void> {
    const deadline = Date.now() + this.#policy.queueWait;
    while (this.pressure !== 'none' && this.#admitting) {
      if (signal?.aborted === true) return; // the lease says so
      if (Date.now() >= deadline) {
        throw new HeddleError(
          'memory_pressure',
          'The machine is short of memory, so no new requests are taken. Send the request again later, or unload a model.',
        );
      }
      const relief = new Promise<void>((resolve) => this.#pressureWaiters.push(resolve));
      await withDeadline(untilAborted(relief, signal), deadline - Date.now());
    }
  }

  #onPressure(): void {
    this.#releasePressureWaiters();
    this.#memoryQueue.wake();
  }

  #releasePressureWaiters(): void {
    for (const resolve of this.#pressureWaiters.splice(0)) resolve();
  }

  async #model(name: string): Promise<ManagedModel> {
    const file = await this.find(name);
    if (!this.#admitting) throw new HeddleError('server_shutting_down', 'The server is shutting down.');
    return this.#managed(file);
  }

  #managed(file: ModelFile): ManagedModel {
    const known = this.#models.get(file.id);
    if (known !== undefined && !isOutdated(known, file)) return known;
    const model = this.#manage(file);
    this.#models.set(file.id, model);
    return model;
  }

  #manage(file: ModelFile): ManagedModel {
    return new ManagedModel(file, {
      policy: () => this.#policy,
      barrier: this.#barrier,
      createEngine: (model, contained) => {
        const engine = this.#createEngine(model, contained);
        this.#governor.add(engine);
        void engine.exited.then(() => this.#governor.remove(engine));
        this.#observer.created?.(model, engine);
        return engine;
      },
      loadOptions: ({ id, path }) => {
        const settings = settingsOf(this.#settings, id);
        const { contextSize, slots, batchSize, interTokenTarget, speculation } = settings;
        const threads = this.#governor.maximum;
        return {
          modelPath: path,
          contextSize,
          slots,
          residentSlots: residentSlots(settings),
          batchSize,
          threads,
          interTokenTarget,
          speculation,
        };
      },
      planPrompts: ({ id }, need) =>
        planPromptCache(settingsOf(this.#settings, id), need, {
          machineBytes: this.machineBytes,
          ceilingBytes: this.memoryCeiling,
          cache: this.#settings.cache,
        }),
      admitting: () => this.#admitting,
      makeRoom: async (model, room, signal) => this.#memoryQueue.enter(model, room, signal),
      onTransition: (model, from) => {
        this.#observer.changed(model, from);
        this.#wake();
      },
      onProgress: (model, fraction) => this.#observer.progress(model, fraction),
      onRelief: () => this.#wake(),
      onLost: (model, engine) => this.#observer.lost(model, engine),
      onSettled: (model, report) => this.#observer.settled(model, report),
    });
  }
}

/** The model's file is another one by now, and nothing is left of the one it was. */
function isOutdated({ file, state, idle, memory }: ManagedModel, { path }: ModelFile): boolean {
  const atRest = state.kind === 'unloaded' || state.kind === 'failed';
  return file.path !== path && atRest && idle && memory.remainders.size === 0;
}

function holdersOf(model: ManagedModel, pinned: boolean): MemoryHolder[] {
  const { file, state, memory, idle, lastUsed, loadedAt } = model;
  const common = { id: file.id, lastUsed, loadedAt };
  const holders = [...memory.remainders].map((remainder): MemoryHolder => ({
    ...common,
    ...remainder,
    idle: false,
    pinned: false,
  }));
  const { engineBytes, gpuBytes } = memory;
  const onGpu = gpuBytes > 0 ? { gpuBytes } : {};
  if (engineBytes > 0)
    holders.push({ ...common, bytes: engineBytes, ...onGpu, state: holderState(state.kind), idle, pinned });
  return holders;
}

function holderState(kind: EngineState['kind']): MemoryHolder['state'] {
  if (kind === 'ready') return 'resident';
  if (kind === 'queued' || kind === 'loading') return 'loading';
  return 'releasing';
}

import { availableParallelism } from 'node:os';
import { HeddleError, toHeddleError } from '../core/errors.js';
import type { SettleReport } from '../core/memory.js';
import type { Engine } from '../engine/engine.js';
import { ComputeGovernor } from './compute-governor.js';
import type { EngineState } from './engine-state.js';
import { ManagedModel, type Lease } from './managed-model.js';
import type { ModelCatalogue, ModelFile } from './model-catalogue.js';
import { defaultCeiling, readMachineMemory } from './machine-memory.js';
import { decideAdmission, insufficientMemory, type MemoryHolder } from './memory-budget.js';
import { defaultPolicy, type PoolPolicy } from './pool-policy.js';
import { settingsOf, type PoolSettings } from './pool-settings.js';
import { untilAborted, withDeadline } from './waiting.js';

export type { Lease } from './managed-model.js';

/** Hears what happens to models. */
export interface PoolObserver {
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
  #settings: PoolSettings;
  readonly #createEngine: (model: ModelFile, contained: boolean) => Engine;
  readonly #observer: PoolObserver;
  #policy: PoolPolicy;
  readonly #models = new Map<string, ManagedModel>();
  readonly #governor: ComputeGovernor;
  readonly #machine = readMachineMemory();
  /** Those who wait for memory, woken by every change that may free some. */
  #waiting: (() => void)[] = [];
  #admitting = true;

  /**
   * @param options.createEngine `contained` asks for a host that can be killed: the model's last engine was a thread
   *   whose teardown was never confirmed
   */
  constructor(options: {
    catalogue: ModelCatalogue;
    settings: PoolSettings;
    createEngine: (model: ModelFile, contained: boolean) => Engine;
    observer: PoolObserver;
  }) {
    this.catalogue = options.catalogue;
    this.#settings = options.settings;
    this.#createEngine = options.createEngine;
    this.#observer = options.observer;
    this.#policy = { ...defaultPolicy, ...options.settings.policy };
    this.#governor = new ComputeGovernor(options.settings.threads ?? availableParallelism(), () =>
      this.#wake(),
    );
  }

  /** Memory that all engines together may take, bytes. */
  get memoryCeiling(): number {
    const { totalBytes, cgroupLimitBytes } = this.#machine;
    return this.#settings.memoryCeiling ?? defaultCeiling(totalBytes, cgroupLimitBytes);
  }

  get settings(): PoolSettings {
    return this.#settings;
  }

  /**
   * Other settings from now on. What concerns single models takes effect at their next load, and nothing that runs is
   * touched; `threads` stays as it was.
   */
  configure(settings: PoolSettings): void {
    this.#settings = settings;
    this.#policy = { ...defaultPolicy, ...settings.policy };
    this.#wake();
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

  /** The models that were asked for at least once, in whatever state they are now. */
  get models(): readonly ManagedModel[] {
    return [...this.#models.values()];
  }

  /** The state of a model, by its id or an alias; `unloaded` when it was never asked for. */
  stateOf(name: string): EngineState['kind'] {
    return this.#models.get(this.idOf(name))?.state.kind ?? 'unloaded';
  }

  /** Memory that engines hold, have reserved, or have not been seen to give back; one line each. */
  get ledger(): readonly MemoryHolder[] {
    return this.models.flatMap((model) => holdersOf(model));
  }

  /** Requests that have not ended, over all engines. */
  get pendingRequests(): number {
    return this.models.reduce((sum, { engine }) => sum + (engine?.pendingRequests ?? 0), 0);
  }

  /**
   * The engine of a model, loaded if need be.
   * @param name its id, or an alias
   * @param signal the caller left; a load that nobody waits for any more is cancelled
   * @throws HeddleError `model_not_found`, `server_shutting_down`, or why the model can not be loaded
   */
  async lease(name: string, signal?: AbortSignal): Promise<Lease> {
    return (await this.#model(name)).lease(signal);
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

  /** Unloads every model, and takes no more requests; running ones may go on for `grace` milliseconds. */
  async close(grace = 0): Promise<void> {
    this.#admitting = false;
    await Promise.all(this.models.map(async (model) => model.unload(grace)));
  }

  async #makeRoom(model: ManagedModel, needBytes: number, signal: AbortSignal): Promise<void> {
    const { queueWait, minimumResidency } = this.#policy;
    const deadline = Date.now() + queueWait;
    for (;;) {
      if (signal.aborted) {
        throw new HeddleError('load_cancelled', `Loading ${model.file.id} was cancelled.`);
      }
      const now = Date.now();
      const budget = {
        ceilingBytes: this.memoryCeiling,
        holders: this.ledger,
        needBytes,
        now,
        minimumResidency,
      };
      const decision = decideAdmission(budget);
      switch (decision.kind) {
        case 'fits':
          model.reserve(needBytes);
          return;
        case 'evict':
          await Promise.all(decision.ids.map(async (id) => this.#models.get(id)?.unload(0)));
          break;
        case 'wait': {
          if (now >= deadline) throw insufficientMemory(model.file.id, budget, decision);
          const until = decision.reason === 'residency' ? decision.until : deadline;
          await this.#nextChange(Math.min(until, deadline) - now, signal);
          break;
        }
        case 'never':
          throw insufficientMemory(model.file.id, budget, decision);
      }
    }
  }

  /** Resolves at the next change that may have freed memory, or after that many milliseconds. */
  async #nextChange(milliseconds: number, signal: AbortSignal): Promise<void> {
    const change = new Promise<void>((resolve) => this.#waiting.push(resolve));
    await withDeadline(untilAborted(change, signal), milliseconds);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
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
    const policy = (): PoolPolicy => this.#policy;
    return new ManagedModel(file, {
      get policy() {
        return policy();
      },
      createEngine: (model, contained) => {
        const engine = this.#createEngine(model, contained);
        this.#governor.add(engine);
        void engine.exited.then(() => this.#governor.remove(engine));
        return engine;
      },
      loadOptions: ({ id, path }) => {
        const { contextSize, slots, batchSize } = settingsOf(this.#settings, id);
        return { modelPath: path, contextSize, slots, batchSize, threads: this.#governor.maximum };
      },
      admitting: () => this.#admitting,
      makeRoom: async (model, bytes, signal) => this.#makeRoom(model, bytes, signal),
      settle: async () => {},
      onTransition: (model, from) => {
        this.#observer.changed(model, from);
        this.#wake();
      },
      onProgress: (model, fraction) => this.#observer.progress(model, fraction),
      onReleased: () => this.#wake(),
      onLost: (model, engine) => this.#observer.lost(model, engine),
    });
  }
}

/** The model's file is another one by now, and nobody uses the one it was. */
function isOutdated({ file, state, idle, quarantined }: ManagedModel, { path }: ModelFile): boolean {
  const atRest = state.kind === 'unloaded' || state.kind === 'failed';
  return file.path !== path && atRest && idle && quarantined.length === 0;
}

function holdersOf(model: ManagedModel): MemoryHolder[] {
  const { file, state, bytes, idle, lastUsed, loadedAt } = model;
  const common = { id: file.id, pinned: false, lastUsed, loadedAt };
  const quarantined = model.quarantined.map((engine) => ({
    ...common,
    bytes: engine.bytes,
    state: 'quarantined' as const,
    idle: false,
  }));
  if (bytes === 0) return quarantined;
  return [...quarantined, { ...common, bytes, state: holderState(state.kind), idle }];
}

function holderState(kind: EngineState['kind']): MemoryHolder['state'] {
  if (kind === 'ready') return 'resident';
  if (kind === 'queued' || kind === 'loading') return 'loading';
  return 'releasing';
}

import { availableParallelism } from 'node:os';
import { HeddleError } from '../core/errors.js';
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
  /** Memory that all engines together may take, bytes. */
  readonly memoryCeiling: number;
  readonly #settings: PoolSettings;
  readonly #createEngine: (model: ModelFile, contained: boolean) => Engine;
  readonly #observer: PoolObserver;
  readonly #policy: PoolPolicy;
  readonly #models = new Map<string, ManagedModel>();
  readonly #governor: ComputeGovernor;
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
    const machine = readMachineMemory();
    this.memoryCeiling =
      options.settings.memoryCeiling ?? defaultCeiling(machine.totalBytes, machine.cgroupLimitBytes);
  }

  /** The models that were asked for at least once, in whatever state they are now. */
  get models(): readonly ManagedModel[] {
    return [...this.#models.values()];
  }

  /** The state of a model, `unloaded` when it was never asked for. */
  stateOf(modelId: string): EngineState['kind'] {
    return this.#models.get(modelId)?.state.kind ?? 'unloaded';
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
   * @param signal the caller left; a load that nobody waits for any more is cancelled
   * @throws HeddleError `model_not_found`, `server_shutting_down`, or why the model can not be loaded
   */
  async lease(modelId: string, signal?: AbortSignal): Promise<Lease> {
    const model = await this.#model(modelId);
    const asked = performance.now();
    const lease = await model.lease(signal);
    this.#observer.leased?.(model.file, performance.now() - asked);
    return lease;
  }

  /** Loads a model now. @throws HeddleError as {@link lease} */
  async load(modelId: string): Promise<ManagedModel> {
    const model = await this.#model(modelId);
    await model.load();
    return model;
  }

  /**
   * Unloads a model, if it is loaded, and resolves when that is done.
   * @param grace milliseconds that its running requests may go on
   * @throws HeddleError `model_not_found`
   */
  async unload(modelId: string, grace: number): Promise<ManagedModel> {
    const model = await this.#model(modelId);
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

  async #model(id: string): Promise<ManagedModel> {
    const file = await this.catalogue.find(id);
    if (!this.#admitting) throw new HeddleError('server_shutting_down', 'The server is shutting down.');
    let model = this.#models.get(id);
    if (model === undefined) {
      model = this.#manage(file);
      this.#models.set(id, model);
    }
    return model;
  }

  #manage(file: ModelFile): ManagedModel {
    return new ManagedModel(file, {
      policy: this.#policy,
      createEngine: (model, contained) => {
        const engine = this.#createEngine(model, contained);
        this.#governor.add(engine);
        void engine.exited.then(() => this.#governor.remove(engine));
        this.#observer.created?.(model, engine);
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

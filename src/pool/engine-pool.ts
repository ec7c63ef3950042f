import { availableParallelism } from 'node:os';
import { HeddleError } from '../core/errors.js';
import type { LoadOptions } from '../core/model-runner.js';
import type { Engine } from '../engine/engine.js';
import type { ModelCatalogue, ModelFile } from './model-catalogue.js';

/** The right to use an engine until {@link release}. */
export interface Lease {
  readonly model: ModelFile;
  readonly engine: Engine;
  /** Gives the right back; a second call does nothing. */
  release(): void;
}

/** How every engine of a pool is loaded. */
export interface EngineSettings {
  /** KV cells; 0 takes the model's own context, capped at 8192. */
  readonly contextSize: number;
  /** Sequences at once. */
  readonly slots: number;
  /** Rows of one step. */
  readonly batchSize: number;
}

/** Hears what happens to engines. */
export interface PoolObserver {
  loading(model: ModelFile, fraction: number): void;
  loaded(model: ModelFile, engine: Engine, milliseconds: number): void;
  failed(model: ModelFile, error: unknown): void;
  /** The engine has gone; `expected` when the pool closed it. */
  ended(model: ModelFile, engine: Engine, expected: boolean): void;
}

interface Resident {
  readonly model: ModelFile;
  readonly engine: Engine;
  /** Settles when the model is loaded, or could not be. */
  readonly ready: Promise<unknown>;
  leases: number;
}

/**
 * The loaded models. A model is loaded when it is first asked for, once, however many ask at the same time; requests to
 * a loaded model never wait for the load of another. A model whose load failed is tried again when next asked for.
 */
export class EnginePool {
  readonly catalogue: ModelCatalogue;
  readonly #settings: EngineSettings;
  readonly #createEngine: (model: ModelFile) => Engine;
  readonly #observer: PoolObserver;
  readonly #residents = new Map<string, Resident>();
  /** Leases that are out, those on engines that have gone included. */
  #leases = 0;
  #admitting = true;
  #onIdle: (() => void) | undefined;

  constructor(options: {
    catalogue: ModelCatalogue;
    settings: EngineSettings;
    createEngine: (model: ModelFile) => Engine;
    observer: PoolObserver;
  }) {
    this.catalogue = options.catalogue;
    this.#settings = options.settings;
    this.#createEngine = options.createEngine;
    this.#observer = options.observer;
  }

  /** The models that are loaded or loading, with the leases on them and the process they live in. */
  get residents(): readonly { id: string; leases: number; processId: number | undefined }[] {
    return [...this.#residents.values()].map(({ model, engine, leases }) => ({
      id: model.id,
      leases,
      processId: engine.processId,
    }));
  }

  /** Requests that have not ended, over all engines. */
  get pendingRequests(): number {
    let pending = 0;
    for (const { engine } of this.#residents.values()) pending += engine.pendingRequests;
    return pending;
  }

  /**
   * The engine of a model, loaded if need be.
   * @throws HeddleError `model_not_found`, `server_shutting_down`, or why the model could not be loaded
   */
  async lease(modelId: string): Promise<Lease> {
    const model = await this.catalogue.find(modelId);
    const resident = this.#resident(model);
    resident.leases++;
    this.#leases++;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      resident.leases--;
      this.#leases--;
      if (this.#leases === 0) this.#onIdle?.();
    };
    try {
      await resident.ready;
    } catch (error) {
      release();
      throw error;
    }
    return { model, engine: resident.engine, release };
  }

  /**
   * Gives out no more leases, and waits until those that are out are given back.
   * @param milliseconds how long to wait at most
   * @returns whether all were given back
   */
  async drain(milliseconds: number): Promise<boolean> {
    this.#admitting = false;
    if (this.#leases === 0) return true;
    let timer: NodeJS.Timeout | undefined;
    const idle = new Promise<void>((resolve) => (this.#onIdle = resolve));
    const deadline = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
    await Promise.race([idle, deadline]);
    clearTimeout(timer);
    return this.#leases === 0;
  }

  /** Unloads every model; running requests end with `engine_closed`. */
  async close(): Promise<void> {
    this.#admitting = false;
    await Promise.allSettled([...this.#residents.values()].map(async ({ engine }) => engine.close()));
  }

  #resident(model: ModelFile): Resident {
    if (!this.#admitting) throw new HeddleError('server_shutting_down', 'The server is shutting down.');
    const known = this.#residents.get(model.id);
    if (known?.engine.alive === true) return known;
    const engine = this.#createEngine(model);
    const resident: Resident = { model, engine, ready: this.#load(model, engine), leases: 0 };
    this.#residents.set(model.id, resident);
    this.#shareThreads();
    return resident;
  }

  async #load(model: ModelFile, engine: Engine): Promise<void> {
    const started = performance.now();
    const options: LoadOptions = {
      ...this.#settings,
      modelPath: model.path,
      threads: availableParallelism(),
    };
    this.#observer.loading(model, 0);
    try {
      await engine.load(options, { onProgress: (fraction) => this.#observer.loading(model, fraction) });
    } catch (error) {
      this.#forget(model, engine);
      this.#observer.failed(model, error);
      throw error;
    }
    this.#shareThreads();
    this.#observer.loaded(model, engine, performance.now() - started);
    void this.#watch(model, engine);
  }

  /** Never rejects: an engine's `exited` only resolves. */
  async #watch(model: ModelFile, engine: Engine): Promise<void> {
    await engine.exited;
    this.#forget(model, engine);
    this.#observer.ended(model, engine, !this.#admitting);
  }

  #forget(model: ModelFile, engine: Engine): void {
    if (this.#residents.get(model.id)?.engine === engine) this.#residents.delete(model.id);
    this.#shareThreads();
  }

  /**
   * The engines' compute threads never exceed the cores in sum, as long as there are no more engines than cores: waiting
   * compute threads spin, and two engines that each use all cores run at a hundredth of their speed.
   */
  #shareThreads(): void {
    const threads = Math.max(1, Math.floor(availableParallelism() / Math.max(1, this.#residents.size)));
    for (const { engine } of this.#residents.values()) engine.setThreads(threads);
  }
}

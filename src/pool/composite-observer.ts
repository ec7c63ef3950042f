import type { SettleReport } from '../core/memory.js';
import type { Engine } from '../engine/engine.js';
import type { PoolObserver } from './engine-pool.js';
import type { EngineState } from './engine-state.js';
import type { ManagedModel } from './managed-model.js';
import type { ModelFile } from './model-catalogue.js';

/** Several observers as one: each hears everything, in the order in which they are given. */
export class CompositeObserver implements PoolObserver {
  readonly #observers: readonly PoolObserver[];

  constructor(...observers: readonly PoolObserver[]) {
    this.#observers = observers;
  }

  created(model: ModelFile, engine: Engine): void {
    for (const observer of this.#observers) observer.created?.(model, engine);
  }

  leased(model: ModelFile, waited: number): void {
    for (const observer of this.#observers) observer.leased?.(model, waited);
  }

  changed(model: ManagedModel, from: EngineState): void {
    for (const observer of this.#observers) observer.changed(model, from);
  }

  progress(model: ModelFile, fraction: number): void {
    for (const observer of this.#observers) observer.progress(model, fraction);
  }

  lost(model: ModelFile, engine: Engine): void {
    for (const observer of this.#observers) observer.lost(model, engine);
  }

  settled(model: ModelFile, report: SettleReport): void {
    for (const observer of this.#observers) observer.settled(model, report);
  }
}

import type { ManagedModel } from './managed-model.js';

/** The longest delay a timer takes, milliseconds. */
const longestDelay = 2 ** 31 - 1;

/** Unloads models that nobody has asked for since their idle timeout. */
export class IdleReaper {
  readonly #models: () => Iterable<ManagedModel>;
  readonly #idleTimeout: (model: ManagedModel) => number;
  #timer: NodeJS.Timeout | undefined;

  /** @param idleTimeout milliseconds; infinite for a model that stays */
  constructor(models: () => Iterable<ManagedModel>, idleTimeout: (model: ManagedModel) => number) {
    this.#models = models;
    this.#idleTimeout = idleTimeout;
  }

  /** Unloads what is due, and looks again when the next one is. To be called when a model becomes idle or is loaded. */
  look(): void {
    this.stop();
    const now = Date.now();
    let next = Infinity;
    for (const model of this.#models()) {
      if (model.state.kind !== 'ready' || !model.idle) continue;
      const due = Math.max(model.lastUsed, model.loadedAt) + this.#idleTimeout(model);
      if (due > now) next = Math.min(next, due);
      else void model.unload(0);
    }
    if (next === Infinity) return;
    this.#timer = setTimeout(() => this.look(), Math.min(next - now, longestDelay));
    this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

import type { Engine } from '../engine/engine.js';

/**
 * Shares the cores among the engines that are busy right now. llama.cpp's compute threads wait for each other by
 * spinning: two engines that each use all cores run at a hundredth of their speed. With more busy engines than cores each
 * has one thread, which has none to wait for.
 *
 * A share takes effect at an engine's next step: for the rest of the running one, and while models are loaded, more threads
 * can be at work than there are cores.
 */
export class ComputeGovernor {
  readonly #cores: number;
  /** Engines it governs, with the threads each was last told. */
  readonly #engines = new Map<Engine, number>();
  readonly #busy = new Set<Engine>();

  readonly #onIdle: () => void;

  /**
   * @param cores compute threads that may run at once
   * @param onIdle called when an engine has ended its last request
   */
  constructor(cores: number, onIdle: () => void = () => {}) {
    this.#cores = cores;
    this.#onIdle = onIdle;
  }

  /** Threads of a pool large enough for whatever an engine may be told later. */
  get maximum(): number {
    return this.#cores;
  }

  /** Threads each busy engine may use now. */
  get allotment(): number {
    return Math.max(1, Math.floor(this.#cores / Math.max(1, this.#busy.size)));
  }

  /** Threads that an engine was last told to use; undefined for one that is not governed. */
  threadsOf(engine: Engine): number | undefined {
    return this.#engines.get(engine);
  }

  add(engine: Engine): void {
    this.#engines.set(engine, this.#cores);
    engine.onBusyChange = (busy) => {
      if (busy) this.#busy.add(engine);
      else this.#busy.delete(engine);
      this.#tell();
      if (!busy) this.#onIdle();
    };
  }

  remove(engine: Engine): void {
    engine.onBusyChange = undefined;
    this.#engines.delete(engine);
    this.#busy.delete(engine);
    this.#tell();
  }

  /** Each busy engine hears of its share before its next step. */
  #tell(): void {
    const threads = this.allotment;
    for (const engine of this.#busy) {
      if (this.#engines.get(engine) === threads) continue;
      this.#engines.set(engine, threads);
      engine.setThreads(threads);
    }
  }
}

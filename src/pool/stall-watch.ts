import type { ErrorData } from '../core/errors.js';
import type { Engine } from '../engine/engine.js';

/** An engine that is watched, and what to do when it stalls. */
export interface Watched {
  readonly engine: Engine | undefined;
  giveUp(error: ErrorData): void;
}

/** Looks in one deadline. A machine that slept in between loses one look, not the deadline. */
const looks = 4;

/**
 * Finds engines that have work and send nothing for the stall deadline: counted in looks at the clock's pace, since a
 * clock goes on while a machine sleeps.
 */
export class StallWatch {
  readonly #models: () => Iterable<Watched>;
  readonly #deadline: () => number;
  /** Of each engine with work: its events at the last look, and the looks since that number changed. */
  #seen = new Map<Engine, { events: number; still: number }>();
  #timer: NodeJS.Timeout | undefined;

  /** @param deadline milliseconds; read anew for every look */
  constructor(models: () => Iterable<Watched>, deadline: () => number) {
    this.#models = models;
    this.#deadline = deadline;
  }

  /** Begins to look, if there is an engine; ends by itself when there is none. */
  wake(): void {
    if (this.#timer !== undefined) return;
    if (![...this.#models()].some(({ engine }) => engine !== undefined)) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#look();
      this.wake();
    }, this.#deadline() / looks);
    this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const seen = new Map<Engine, { events: number; still: number }>();
    for (const model of this.#models()) {
      const { engine } = model;
      if (engine?.expectsEvents !== true) continue;
      const before = this.#seen.get(engine);
      const events = engine.eventCount;
      const still = before?.events === events ? before.still + 1 : 0;
      if (still >= looks) model.giveUp(stalled(this.#deadline()));
      else seen.set(engine, { events, still });
    }
    this.#seen = seen;
  }
}

function stalled(deadline: number): ErrorData {
  return {
    code: 'engine_stalled',
    message: `The engine made no progress for ${deadline / 1000} s and was given up. Send the request again.`,
    retryable: true,
  };
}

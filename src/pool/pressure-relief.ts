import type { ManagedModel } from './managed-model.js';
import type { MemoryPressure } from './memory-pressure.js';
import type { ModelMemory } from './model-memory.js';
import type { PoolPolicy } from './pool-policy.js';
import type { ModelSettings } from './pool-settings.js';

/** What is seen of a model. */
type Model = Pick<ManagedModel, 'file' | 'state' | 'idle' | 'lastUsed' | 'loadedAt' | 'unload'> & {
  readonly memory: Pick<ModelMemory, 'remainders'>;
};

/** What is seen of the pool. */
export interface ReliefPool {
  readonly models: readonly Model[];
  readonly policy: PoolPolicy;
  settingsOf(model: Pick<Model, 'file'>): ModelSettings;
}

/**
 * Readings in a row under soft pressure after which an idle engine is unloaded: other programs take memory for a moment
 * and give it back, and a load costs more than to wait for two readings more.
 */
const softPatience = 3;

/** Readings in a row under hard pressure after which engines in use are unloaded too, and drains are cut short. */
const hardPatience = 3;

/**
 * Unloads engines while memory is short, one at a time: the next one only when the memory of the one before has come
 * back, or its deadline has passed, since it may have been enough.
 *
 * Soft pressure that lasts: the idle engine that was used longest ago, if it has had its minimum residency. Hard: at
 * once, whatever its residency; and if none is idle any more and that did not help, one in use, whose requests end with
 * a retryable error. Pinned engines stay.
 */
export class PressureRelief {
  readonly #pool: ReliefPool;
  /** Readings in a row under soft pressure. */
  #soft = 0;
  /** Readings in a row under hard pressure with no idle engine left to unload. */
  #helpless = 0;
  /** Readings in a row under hard pressure in which nothing but running requests kept an engine from leaving. */
  #draining = 0;

  constructor(pool: ReliefPool) {
    this.#pool = pool;
  }

  /** Some engine is on its way out: what it gives back is in no reading yet. */
  get leaving(): boolean {
    return this.#leaving.length > 0;
  }

  /** Does what a reading asks for. @param stale an engine was on its way out when the reading began */
  react(pressure: MemoryPressure, stale: boolean): void {
    if (pressure !== 'soft') this.#soft = 0;
    if (pressure !== 'hard') this.#helpless = this.#draining = 0;
    if (pressure === 'none') return;
    const leaving = this.#leaving;
    if (leaving.length > 0) {
      if (pressure === 'hard') this.#hasten(leaving);
      return;
    }
    this.#draining = 0;
    if (stale) return;
    if (pressure === 'soft') this.#relieveSoft();
    else this.#relieveHard();
  }

  get #leaving(): readonly Model[] {
    return this.#pool.models.filter(
      ({ state: { kind } }) => kind === 'draining' || kind === 'unloading' || kind === 'settling',
    );
  }

  /** Teardown and settling have deadlines of their own; a drain may have been given hours. */
  #hasten(leaving: readonly Model[]): void {
    const onlyDrains = leaving.every(({ state }) => state.kind === 'draining');
    this.#draining = onlyDrains ? this.#draining + 1 : 0;
    if (this.#draining > hardPatience) for (const model of leaving) void model.unload(0);
  }

  #relieveSoft(): void {
    const { models, policy } = this.#pool;
    this.#soft++;
    if (this.#soft < softPatience) return;
    // What came back late is waited for as well: there is time.
    const releasing = models.some(({ memory }) =>
      [...memory.remainders].some(({ state }) => state === 'releasing'),
    );
    if (releasing) return;
    const resident = Date.now() - policy.minimumResidency;
    const victim = this.#candidates.find(({ idle, loadedAt }) => idle && loadedAt <= resident);
    if (victim === undefined) return;
    this.#soft = 0;
    void victim.unload(0);
  }

  #relieveHard(): void {
    const candidates = this.#candidates;
    const idle = candidates.find((model) => model.idle);
    this.#helpless = idle === undefined ? this.#helpless + 1 : 0;
    const victim = idle ?? (this.#helpless > hardPatience ? candidates[0] : undefined);
    void victim?.unload(0);
  }

  /** The one used longest ago first. */
  get #candidates(): readonly Model[] {
    return this.#pool.models
      .filter((model) => model.state.kind === 'ready' && !this.#pool.settingsOf(model).pinned)
      .toSorted((a, b) => a.lastUsed - b.lastUsed);
  }
}

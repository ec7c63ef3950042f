import type { ManagedModel } from './managed-model.js';
import { memoryPressure, type MemoryPressure } from './memory-pressure.js';
import type { MemoryProbe } from './memory-probe.js';
import type { PoolPolicy } from './pool-policy.js';
import type { ModelSettings } from './pool-settings.js';

/** What the watch sees of the pool. */
interface Pool {
  readonly models: readonly ManagedModel[];
  readonly memoryCeiling: number;
  /** Of the machine, or the container. */
  readonly machineBytes: number;
  readonly policy: PoolPolicy;
  settingsOf(model: ManagedModel): ModelSettings;
}

/** Readings under hard pressure after which engines in use are unloaded too. */
const patience = 3;

/**
 * Reads the memory of engines while any is loaded, and relieves pressure: soft, no new requests are let in; hard, the
 * idle engine that was used longest ago is unloaded, one a reading, and if none is idle any more and that did not help,
 * one in use, whose requests end with a retryable error. Pinned engines stay.
 */
export class MemoryWatch {
  readonly #probe: MemoryProbe;
  readonly #pool: Pool;
  readonly #onChange: () => void;
  #timer: NodeJS.Timeout | undefined;
  #reading = false;
  #stopped = false;
  #pressure: MemoryPressure = 'none';
  /** Readings in a row under hard pressure with no idle engine left to unload. */
  #helpless = 0;

  /**
   * @param onChange the pressure changed
   */
  constructor(probe: MemoryProbe, pool: Pool, onChange: () => void) {
    this.#probe = probe;
    this.#pool = pool;
    this.#onChange = onChange;
  }

  get pressure(): MemoryPressure {
    return this.#pressure;
  }

  /** Begins to read, if some engine is there or memory is short; ends by itself when neither is so. */
  wake(): void {
    if (this.#timer !== undefined || this.#reading || this.#stopped) return;
    const needed = this.#pressure !== 'none' || this.#pool.models.some(({ engine }) => engine !== undefined);
    if (!needed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#readAndRelieve();
    }, this.#pool.policy.memoryInterval);
    this.#timer.unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #readAndRelieve(): Promise<void> {
    this.#reading = true;
    try {
      await this.read();
      if (this.#pressure === 'hard') this.#relieve();
      else this.#helpless = 0;
    } finally {
      this.#reading = false;
      this.wake();
    }
  }

  /** Measures every engine now. */
  async read(): Promise<void> {
    const { models, memoryCeiling, machineBytes } = this.#pool;
    await Promise.all(models.map(async (model) => this.#measure(model)));
    const availableBytes = await this.#probe.available().catch(() => undefined);
    const heldBytes = models.reduce((sum, { memory }) => sum + memory.engineBytes, 0);
    const machine = { totalBytes: machineBytes, ...(availableBytes === undefined ? {} : { availableBytes }) };
    this.#set(memoryPressure({ ceilingBytes: memoryCeiling, heldBytes, ...machine }));
  }

  async #measure({ engine, memory }: ManagedModel): Promise<void> {
    const pid = engine?.processId;
    if (engine === undefined || pid === undefined) return;
    // A reading that fails leaves the one before.
    const reading = await this.#probe.process(pid).catch(() => undefined);
    if (reading !== undefined && engine.processId === pid) memory.measured(reading);
  }

  #relieve(): void {
    const candidates = this.#pool.models
      .filter((model) => model.state.kind === 'ready' && !this.#pool.settingsOf(model).pinned)
      .toSorted((a, b) => a.lastUsed - b.lastUsed);
    const idle = candidates.find((model) => model.idle);
    this.#helpless = idle === undefined ? this.#helpless + 1 : 0;
    const victim = idle ?? (this.#helpless > patience ? candidates[0] : undefined);
    void victim?.unload(0);
  }

  #set(pressure: MemoryPressure): void {
    if (pressure === this.#pressure) return;
    this.#pressure = pressure;
    this.#onChange();
  }
}

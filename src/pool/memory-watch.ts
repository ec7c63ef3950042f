import type { BoundedProbe } from './bounded-probe.js';
import type { Gpus } from './gpus.js';
import type { ManagedModel } from './managed-model.js';
import { heldBytes, type MemoryHolder } from './memory-budget.js';
import { memoryPressure, type MemoryPressure } from './memory-pressure.js';
import { PressureRelief, type ReliefPool } from './pressure-relief.js';

/** What the watch sees of the pool. */
interface Pool extends ReliefPool {
  readonly models: readonly ManagedModel[];
  readonly ledger: readonly MemoryHolder[];
  readonly memoryCeiling: number;
  /** Of the machine, or the container. */
  readonly machineBytes: number;
  readonly gpus: Gpus;
}

/** Reads the memory of engines while any is loaded, says how short memory is, and has shortage relieved. */
export class MemoryWatch {
  readonly #probe: BoundedProbe;
  readonly #pool: Pool;
  readonly #onChange: () => void;
  readonly #relief: PressureRelief;
  #timer: NodeJS.Timeout | undefined;
  #reading = false;
  #stopped = false;
  #pressure: MemoryPressure = 'none';

  /**
   * @param onChange the pressure changed
   */
  constructor(probe: BoundedProbe, pool: Pool, onChange: () => void) {
    this.#probe = probe;
    this.#pool = pool;
    this.#onChange = onChange;
    this.#relief = new PressureRelief(pool);
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
    const stale = this.#relief.leaving;
    try {
      await this.read();
      this.#relief.react(this.#pressure, stale);
    } finally {
      this.#reading = false;
      this.wake();
    }
  }

  /** Measures every engine now. */
  async read(): Promise<void> {
    const { models, memoryCeiling, machineBytes, gpus } = this.#pool;
    if (gpus.changing) void gpus.read(); // it may take seconds, and says nothing of pressure
    const [availableBytes] = await Promise.all([
      this.#probe.available(),
      ...models.map(async (model) => this.#measure(model)),
    ]);
    const machine = { totalBytes: machineBytes, ...(availableBytes === undefined ? {} : { availableBytes }) };
    const held = heldBytes(this.#pool.ledger);
    this.#set(memoryPressure({ ceilingBytes: memoryCeiling, heldBytes: held, ...machine }));
  }

  async #measure({ engine, memory }: ManagedModel): Promise<void> {
    const pid = engine?.processId;
    if (engine === undefined || pid === undefined) return;
    // A reading that fails leaves the one before.
    const reading = await this.#probe.process(pid);
    if (reading !== undefined && engine.processId === pid) memory.measured(reading);
  }

  #set(pressure: MemoryPressure): void {
    if (pressure === this.#pressure) return;
    this.#pressure = pressure;
    this.#onChange();
  }
}

import type { BoundedProbe } from './bounded-probe.js';
import { heldGpuBytes, type GpuBudget, type MemoryHolder } from './memory-budget.js';
import type { GpuMemory } from './memory-probe.js';

/** The GPUs as they were last read. */
export interface GpuReading {
  readonly gpus: readonly GpuMemory[];
  /** Milliseconds since 1970. */
  readonly at: number;
}

/**
 * The memory of the GPUs, of all together: llama.cpp spreads a model over them by what is free. What is used beyond the
 * ledger is other programs'. A reading that fails leaves the one before.
 */
export class Gpus {
  readonly #probe: BoundedProbe;
  readonly #ledger: () => readonly MemoryHolder[];
  #last: GpuReading | undefined;
  #asked = false;
  #othersBytes = 0;
  #reading: Promise<void> | undefined;

  constructor(probe: BoundedProbe, ledger: () => readonly MemoryHolder[]) {
    this.#probe = probe;
    this.#ledger = ledger;
  }

  /** Undefined before the first reading that succeeded. */
  get last(): GpuReading | undefined {
    return this.#last;
  }

  /** There is something new to read: nobody has asked yet, or engines use GPUs. */
  get changing(): boolean {
    return !this.#asked || heldGpuBytes(this.#ledger()) > 0;
  }

  /** Undefined where a load takes nothing of them, and where nobody can tell what there is. */
  budget(needBytes: number): GpuBudget | undefined {
    const totalBytes = this.#last?.gpus.reduce((sum, gpu) => sum + gpu.totalBytes, 0) ?? 0;
    if (needBytes === 0 || totalBytes === 0) return undefined;
    return { totalBytes, ceilingBytes: Math.max(0, totalBytes - this.#othersBytes), needBytes };
  }

  /** Reads them now; who asks while that is done waits for the same reading. Never rejects. */
  async read(): Promise<void> {
    this.#asked = true;
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<void> {
    const first = this.#last === undefined;
    const before = this.#atRest ? heldGpuBytes(this.#ledger()) : undefined;
    const gpus = await this.#probe.gpus();
    if (gpus === undefined) return;
    this.#last = { gpus, at: Date.now() };
    const held = heldGpuBytes(this.#ledger());
    // What an engine has of what it was promised is not known while it is loaded or torn down.
    if (!first && !(this.#atRest && before === held)) return;
    const usedBytes = gpus.reduce((sum, gpu) => sum + gpu.usedBytes, 0);
    this.#othersBytes = Math.max(0, usedBytes - held);
  }

  get #atRest(): boolean {
    return this.#ledger().every(
      ({ state, gpuBytes = 0 }) => gpuBytes === 0 || (state !== 'loading' && state !== 'releasing'),
    );
  }
}

import type { GpuMemory, MemoryProbe, ProcessMemory } from './memory-probe.js';

/** How long a reading may take before it counts as failed, milliseconds. */
const deadline = 1000;

/** A reading of GPUs starts a program. */
const gpuDeadline = 2500;

/**
 * A probe that always answers in time: a reading that fails, or takes longer than its deadline, counts as none. What
 * hangs is not asked again before it has answered, so that readings do not pile up; it counts as none at once meanwhile.
 */
export class BoundedProbe implements MemoryProbe {
  readonly #probe: MemoryProbe;
  /** Readings that have not answered in time, and still have not. */
  readonly #hanging = new Set<string>();

  constructor(probe: MemoryProbe) {
    this.#probe = probe;
  }

  /** Never rejects. */
  async process(pid: number): Promise<ProcessMemory | undefined> {
    return this.#read(`process ${pid}`, async () => this.#probe.process(pid));
  }

  /** Never rejects. */
  async available(): Promise<number | undefined> {
    return this.#read('available', async () => this.#probe.available());
  }

  /** Never rejects. */
  async gpus(): Promise<readonly GpuMemory[] | undefined> {
    return this.#read('gpus', async () => this.#probe.gpus(), gpuDeadline);
  }

  async #read<T>(name: string, read: () => Promise<T>, milliseconds = deadline): Promise<T | undefined> {
    if (this.#hanging.has(name)) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => {
        this.#hanging.add(name);
        resolve(undefined);
      }, milliseconds);
    });
    const reading = read()
      .catch(() => undefined)
      .finally(() => {
        clearTimeout(timer);
        this.#hanging.delete(name);
      });
    return Promise.race([reading, late]);
  }
}

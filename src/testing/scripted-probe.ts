import type { GpuMemory, MemoryProbe, ProcessMemory } from '../pool/memory-probe.js';

/** Says what a test tells it to. */
export class ScriptedProbe implements MemoryProbe {
  /** Resident and anonymous memory of every process, bytes. */
  bytes = 0;
  /** Of the machine, bytes. */
  availableBytes: number | undefined;
  gpuMemory: readonly GpuMemory[] = [];
  /** Reading GPUs alone fails. */
  gpuFailure = false;
  /** Readings of GPUs so far. */
  gpuReadings = 0;
  /** Readings of processes so far. */
  readings = 0;
  /** Readings of the machine so far. */
  looks = 0;
  #failure: 'reject' | 'hang' | 'nothing' | undefined;
  readonly #hanging: (() => void)[] = [];

  get failure(): 'reject' | 'hang' | 'nothing' | undefined {
    return this.#failure;
  }

  /** What reading does instead of an answer; those that hang answer when it is set to something else. */
  set failure(failure: 'reject' | 'hang' | 'nothing' | undefined) {
    this.#failure = failure;
    if (failure !== 'hang') for (const answer of this.#hanging.splice(0)) answer();
  }

  /** Readings that hang now. */
  get hanging(): number {
    return this.#hanging.length;
  }

  constructor(failure?: 'reject' | 'hang' | 'nothing') {
    this.failure = failure;
  }

  async process(): Promise<ProcessMemory | undefined> {
    this.readings++;
    return this.#answer({ residentBytes: this.bytes, anonymousBytes: this.bytes });
  }

  async available(): Promise<number | undefined> {
    this.looks++;
    return this.#answer(this.availableBytes);
  }

  async gpus(): Promise<readonly GpuMemory[] | undefined> {
    this.gpuReadings++;
    if (this.gpuFailure) throw new Error('the probe of GPUs fails');
    return this.#answer(this.gpuMemory);
  }

  async #answer<T>(reading: T): Promise<T | undefined> {
    if (this.#failure === 'reject') throw new Error('the probe fails');
    if (this.#failure === 'hang') await new Promise<void>((resolve) => this.#hanging.push(resolve));
    return Promise.resolve(this.#failure === 'nothing' ? undefined : reading);
  }
}

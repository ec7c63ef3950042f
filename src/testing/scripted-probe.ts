import type { MemoryProbe, ProcessMemory } from '../pool/memory-probe.js';

/** Says what a test tells it to. */
export class ScriptedProbe implements MemoryProbe {
  /** Resident and anonymous memory of every process, bytes. */
  bytes = 0;
  /** Of the machine, bytes. */
  availableBytes: number | undefined;
  /** What reading does instead of an answer. */
  failure: 'reject' | 'hang' | 'nothing' | undefined;
  /** Readings so far. */
  readings = 0;

  constructor(failure?: 'reject' | 'hang' | 'nothing') {
    this.failure = failure;
  }

  async process(): Promise<ProcessMemory | undefined> {
    this.readings++;
    if (this.failure === 'reject') throw new Error('the probe fails');
    if (this.failure === 'hang') await new Promise(() => {});
    if (this.failure === 'nothing') return undefined;
    return Promise.resolve({ residentBytes: this.bytes, anonymousBytes: this.bytes });
  }

  async available(): Promise<number | undefined> {
    if (this.failure === 'reject') throw new Error('the probe fails');
    return Promise.resolve(this.availableBytes);
  }
}

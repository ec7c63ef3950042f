import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cgroupAvailable } from './machine-memory.js';
import type { ProcessMemory, RamProbe } from './memory-probe.js';

/** Reads /proc, and the control groups of this process. */
export class LinuxProbe implements RamProbe {
  readonly #proc: string;

  /** @param proc for tests: where the kernel's files are */
  constructor(proc = '/proc') {
    this.#proc = proc;
  }

  async process(pid: number): Promise<ProcessMemory> {
    const text = await this.#read(`${pid}/status`);
    // A process that has ended and was not waited for yet has a status without memory.
    return {
      residentBytes: kilobytes(text, 'VmRSS') ?? 0,
      anonymousBytes: kilobytes(text, 'RssAnon') ?? 0,
    };
  }

  async available(): Promise<number | undefined> {
    const machine = kilobytes(await this.#read('meminfo'), 'MemAvailable');
    const least = Math.min(machine ?? Infinity, cgroupAvailable());
    return Number.isFinite(least) ? Math.max(0, least) : undefined;
  }

  /** Empty for a process that is not there any more. */
  async #read(file: string): Promise<string> {
    try {
      return await readFile(join(this.#proc, file), 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ESRCH') return '';
      throw error;
    }
  }
}

/** A line such as `RssAnon:     1234 kB`, in bytes. */
function kilobytes(text: string, name: string): number | undefined {
  const value = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  return value === undefined ? undefined : Number(value) * 1024;
}

import { execFile } from 'node:child_process';
import { freemem } from 'node:os';
import { promisify } from 'node:util';
import type { ProcessMemory, RamProbe } from './memory-probe.js';

/** For macOS: `ps` tells what is resident. Windows has none, and tells nothing. */
export class PsProbe implements RamProbe {
  async process(pid: number): Promise<ProcessMemory | undefined> {
    if (process.platform === 'win32') return undefined;
    try {
      const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)], {
        timeout: 1000,
        killSignal: 'SIGKILL',
      });
      return { residentBytes: Number(stdout.trim()) * 1024 };
    } catch (error) {
      // It says with its status that there is no such process.
      if ((error as { code?: unknown }).code === 1) return { residentBytes: 0, anonymousBytes: 0 };
      throw error;
    }
  }

  async available(): Promise<number | undefined> {
    // macOS counts memory that it would give back at once as used: its free memory says nothing.
    return Promise.resolve(process.platform === 'win32' ? freemem() : undefined);
  }
}

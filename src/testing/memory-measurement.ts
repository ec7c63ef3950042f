import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { LoadOptions } from '../core/model-runner.js';

/** A load to be measured. */
export interface MeasuredLoad {
  readonly options: LoadOptions;
  /** Prompt tokens to compute at most, over all slots; all that the context holds when absent. */
  readonly prefill?: number;
}

/** How much memory a process had more when a model was loaded and its context full, bytes. */
export interface MemoryGrowth {
  /** Resident: pages of the model file and of the library's code included. */
  readonly residentBytes: number;
  /** Resident and not backed by a file; 0 where the system does not tell. */
  readonly anonymousBytes: number;
  /** What the process had before: Node and the library, without a model. */
  readonly emptyHostBytes: number;
}

/** The compiled child: it must run as JavaScript, wherever this module runs from. */
const child = fileURLToPath(new URL('../../dist/testing/measured-load.js', import.meta.url));

/** Measures a load in a process of its own, so that nothing else is counted. */
export async function measureLoad(load: MeasuredLoad): Promise<MemoryGrowth> {
  const { stdout } = await promisify(execFile)(process.execPath, [child, JSON.stringify(load)]);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as MemoryGrowth;
}

import { gpuMemoryBytes, type MemoryNeed, type SettleReport } from '../core/memory.js';
import type { BoundedProbe } from './bounded-probe.js';
import { prepareGpuRelease, returnedGpuBytes, type GpuRelease } from './gpu-release.js';
import type { ProcessMemory } from './memory-probe.js';

/** What is to come back when an engine ends; made while it lives. */
export interface Release {
  /** Of the host: its own process, or this one. */
  readonly pid: number;
  readonly isProcess: boolean;
  readonly expectedBytes: number;
  /** What the process held while the engine lived; absent when it could not be read. */
  readonly before?: ProcessMemory;
  /** Of the GPUs' own memory; absent where the engine has none of it, or it could not be read. */
  readonly gpu?: GpuRelease;
  /** Changes of engines in this process that were known then. */
  readonly changes: number;
}

/** How far a release has come. `unknown`: it can not be read, or not be told from what other engines did. */
export interface Settlement {
  readonly state: 'returned' | 'missing' | 'unknown';
  readonly returnedBytes?: number;
  /** Of the GPUs' own memory. */
  readonly returnedGpuBytes?: number;
}

/** What the rest of a process may grow and shrink by beside an engine, bytes. */
const tolerance = 16 * 2 ** 20;

/**
 * Watches memory come back. The memory of a host that is a process is back when the process is gone. A thread shares
 * its process with the gateway and other engines: there the process's anonymous memory must fall by what the engine is
 * known to have written, weights that were copied and the KV cache, less a tolerance of 5 % or 16 MiB.
 *
 * What an engine has of the GPUs' own memory must come back too: that of its process, less the same tolerance. Where the
 * system does not say which process uses what, all that is used must fall; if it does not, nobody knows whose it is.
 */
export class SettleBarrier {
  readonly #probe: BoundedProbe;
  #changes = 0;

  constructor(probe: BoundedProbe) {
    this.#probe = probe;
  }

  /** An engine in this process was or is being loaded: memory that grows meanwhile hides what shrinks. */
  disturb(): void {
    this.#changes++;
  }

  /**
   * To be called before an engine is torn down.
   * @param processId of its host; undefined for a thread of this process
   */
  async prepare(processId: number | undefined, need: MemoryNeed | undefined): Promise<Release> {
    const isProcess = processId !== undefined;
    const pid = processId ?? process.pid;
    if (!isProcess) this.#changes++;
    const changes = this.#changes;
    const before = await this.#probe.process(pid);
    const predicted = isProcess ? need?.totalBytes : (need?.copiedWeightBytes ?? 0) + (need?.cacheBytes ?? 0);
    const expectedBytes = (isProcess ? before?.residentBytes : predicted) ?? predicted ?? 0;
    const gpuBytes = need === undefined ? 0 : gpuMemoryBytes(need);
    const gpus = gpuBytes > 0 ? await this.#probe.gpus() : undefined;
    const gpu = prepareGpuRelease({ pid, isProcess }, gpus, gpuBytes);
    return {
      pid,
      isProcess,
      expectedBytes,
      changes,
      ...(before === undefined ? {} : { before }),
      ...(gpu === undefined ? {} : { gpu }),
    };
  }

  /**
   * Reads until the memory is back, or that many milliseconds are over; at least once.
   * @param options.background the wait alone does not keep this process alive
   */
  async wait(
    release: Release,
    milliseconds: number,
    { background = false }: { background?: boolean } = {},
  ): Promise<Settlement> {
    const deadline = performance.now() + milliseconds;
    for (let pause = 5; ; pause = Math.min(250, pause * 2)) {
      const settlement = await this.#look(release);
      const left = deadline - performance.now();
      if (settlement.state !== 'missing') return settlement;
      if (left <= 0)
        return mayBeOthers(release, settlement) ? { ...settlement, state: 'unknown' } : settlement;
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, Math.min(pause, left));
        if (background) timer.unref();
      });
    }
  }

  async #look(release: Release): Promise<Settlement> {
    const ram = await this.#lookAtRam(release);
    const { gpu, pid, isProcess, changes } = release;
    if (gpu === undefined || ram.state !== 'returned') return ram;
    const gpus = await this.#probe.gpus();
    if (gpus === undefined) return { ...ram, state: 'unknown' };
    const returned = returnedGpuBytes(gpu, pid, gpus);
    const missing = isProcess || changes === this.#changes ? 'missing' : 'unknown';
    const state = isEnough(returned, gpu.expectedBytes) ? 'returned' : missing;
    return { ...ram, state, returnedGpuBytes: returned };
  }

  async #lookAtRam({ pid, isProcess, expectedBytes, before, changes }: Release): Promise<Settlement> {
    const now = await this.#probe.process(pid);
    if (now === undefined) return { state: 'unknown' };
    if (isProcess) {
      const returnedBytes = Math.max(0, expectedBytes - now.residentBytes);
      return { state: now.residentBytes === 0 ? 'returned' : 'missing', returnedBytes };
    }
    if (before?.anonymousBytes === undefined || now.anonymousBytes === undefined) return { state: 'unknown' };
    const returnedBytes = Math.max(0, before.anonymousBytes - now.anonymousBytes);
    if (isEnough(returnedBytes, expectedBytes)) return { state: 'returned', returnedBytes };
    return { state: changes === this.#changes ? 'missing' : 'unknown', returnedBytes };
  }
}

function isEnough(returnedBytes: number, expectedBytes: number): boolean {
  return returnedBytes >= expectedBytes - Math.max(tolerance, expectedBytes * 0.05);
}

/** All that is missing is memory of GPUs that another program may have taken meanwhile. */
function mayBeOthers({ gpu }: Release, { returnedGpuBytes: returned }: Settlement): boolean {
  return gpu?.ofProcess === false && returned !== undefined;
}

/** The verdict on a release. @param late the first deadline had passed */
export function settleReport(
  release: Release,
  { state, returnedBytes, returnedGpuBytes: onGpu }: Settlement,
  { late, milliseconds }: { late: boolean; milliseconds: number },
): SettleReport {
  const verdicts = {
    returned: late ? 'late' : 'settled',
    missing: 'leaked',
    unknown: 'indeterminate',
  } as const;
  return {
    verdict: verdicts[state],
    expectedBytes: release.expectedBytes,
    ...(returnedBytes === undefined ? {} : { returnedBytes }),
    ...(release.gpu === undefined ? {} : { gpu: gpuReport(release.gpu, onGpu) }),
    milliseconds: Math.round(milliseconds),
  };
}

function gpuReport(
  { expectedBytes }: GpuRelease,
  returnedBytes: number | undefined,
): NonNullable<SettleReport['gpu']> {
  return returnedBytes === undefined ? { expectedBytes } : { expectedBytes, returnedBytes };
}

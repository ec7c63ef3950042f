import type { GpuMemory } from './memory-probe.js';

/** What of the GPUs' own memory is to come back when an engine ends; made while it lives. */
export interface GpuRelease {
  readonly expectedBytes: number;
  /** What was used while the engine lived: by its process, or where the system does not tell, by all programs. */
  readonly beforeBytes: number;
  readonly ofProcess: boolean;
}

/**
 * @param pid of the process that the engine lives in
 * @param isProcess the process is the engine's alone, and all that it has is to come back
 * @param gpus as read now; undefined when that failed
 * @param predictedBytes what the engine takes of them
 * @returns undefined where there is nothing to come back, or nobody can tell
 */
export function prepareGpuRelease(
  { pid, isProcess }: { pid: number; isProcess: boolean },
  gpus: readonly GpuMemory[] | undefined,
  predictedBytes: number,
): GpuRelease | undefined {
  if (predictedBytes === 0 || gpus === undefined || gpus.length === 0) return undefined;
  const own = usedBy(pid, gpus);
  if (own === undefined) {
    return { expectedBytes: predictedBytes, beforeBytes: usedByAll(gpus), ofProcess: false };
  }
  return { expectedBytes: isProcess ? own : predictedBytes, beforeBytes: own, ofProcess: true };
}

/** How much of it has come back, bytes. */
export function returnedGpuBytes(
  { beforeBytes, ofProcess }: GpuRelease,
  pid: number,
  gpus: readonly GpuMemory[],
): number {
  const nowBytes = ofProcess ? (usedBy(pid, gpus) ?? 0) : usedByAll(gpus);
  return Math.max(0, beforeBytes - nowBytes);
}

/** Undefined where no GPU tells of the process. */
function usedBy(pid: number, gpus: readonly GpuMemory[]): number | undefined {
  const parts = gpus.map(({ processes }) => processes.get(pid)).filter((bytes) => bytes !== undefined);
  return parts.length === 0 ? undefined : parts.reduce((sum, bytes) => sum + bytes, 0);
}

function usedByAll(gpus: readonly GpuMemory[]): number {
  return gpus.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
}

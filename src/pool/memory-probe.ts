/** What a process holds, bytes. */
export interface ProcessMemory {
  /** Resident, pages of files included. */
  readonly residentBytes: number;
  /** Resident and not backed by a file; absent where the system does not tell. */
  readonly anonymousBytes?: number;
}

/** The own memory of one GPU, bytes. */
export interface GpuMemory {
  /** What the system calls it: a UUID, or the name of a card. */
  readonly id: string;
  readonly totalBytes: number;
  /** By all programs. */
  readonly usedBytes: number;
  /** What single processes use, by process id; those that the system does not tell of are missing. */
  readonly processes: ReadonlyMap<number, number>;
}

/** Reads the RAM; one for each system. A reading that fails rejects, and counts as none. */
export interface RamProbe {
  /** What a process holds; zeros when there is no such process, undefined where the system does not tell. */
  process(pid: number): Promise<ProcessMemory | undefined>;
  /** What the machine, or the container, could still hand out, bytes; undefined where the system does not tell. */
  available(): Promise<number | undefined>;
}

/** Reads the memory of GPUs; one for each kind. A reading that fails rejects, and counts as none. */
export interface GpuProbe {
  /** Those that engines can use; empty when there is none, undefined where nobody can tell. */
  gpus(): Promise<readonly GpuMemory[] | undefined>;
}

/** Reads memory. */
export interface MemoryProbe extends RamProbe, GpuProbe {}

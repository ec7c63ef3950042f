/** What a process holds, bytes. */
export interface ProcessMemory {
  /** Resident, pages of files included. */
  readonly residentBytes: number;
  /** Resident and not backed by a file; absent where the system does not tell. */
  readonly anonymousBytes?: number;
}

/** Reads memory; one for each system. A reading that fails rejects, and counts as none. */
export interface MemoryProbe {
  /** What a process holds; zeros when there is no such process, undefined where the system does not tell. */
  process(pid: number): Promise<ProcessMemory | undefined>;
  /** What the machine, or the container, could still hand out, bytes; undefined where the system does not tell. */
  available(): Promise<number | undefined>;
}

/** What pressure is told from; all in bytes. */
export interface MemoryUse {
  /** What all engines together may take. */
  readonly ceilingBytes: number;
  /**
   * What they take, measured where that can be done, predicted elsewhere; with what earlier ones have not been seen to
   * give back.
   */
  readonly heldBytes: number;
  /** What the machine, or the container, could still hand out; absent where the system does not tell. */
  readonly availableBytes?: number;
  readonly totalBytes: number;
}

/**
 * `soft`: no new requests are let in, running ones go on; if it lasts, idle engines are unloaded. `hard`: engines are
 * unloaded at once, idle ones first.
 */
export type MemoryPressure = 'none' | 'soft' | 'hard';

/** Shares of the ceiling that engines may hold: they are admitted below 1, so more means that a prediction was wrong. */
const heldShares = { soft: 1.02, hard: 1.1 };

/** Shares of the machine's memory that should be left, whoever uses the rest. */
const availableShares = { soft: 0.04, hard: 0.02 };

/** How short memory is. Pure. */
export function memoryPressure({
  ceilingBytes,
  heldBytes,
  availableBytes = Infinity,
  totalBytes,
}: MemoryUse): MemoryPressure {
  for (const level of ['hard', 'soft'] as const) {
    if (heldBytes > ceilingBytes * heldShares[level]) return level;
    if (availableBytes < totalBytes * availableShares[level]) return level;
  }
  return 'none';
}

/**
 * The memory that loading a model takes, predicted from its file and the load options. All in bytes of the machine's
 * RAM, but {@link deviceBytes}.
 *
 * It is what an engine has once its context has been full: the library reserves the most that a step can need when a
 * model is loaded, and the system counts a page when it is first written. An engine whose context was never full is up
 * to the part of {@link computeBytes} and {@link tableBytes} smaller that it has not touched yet.
 */
export interface MemoryNeed {
  /** Weights used where they lie in the file: resident pages of the file, which the system could read again. */
  readonly mappedWeightBytes: number;
  /** Weights the library copies into memory, in an order that suits the processor. */
  readonly copiedWeightBytes: number;
  /** KV cells and recurrent states, for the whole context and all slots. */
  readonly cacheBytes: number;
  /** Intermediate results of the largest step. */
  readonly computeBytes: number;
  /** What the library keeps beside these: vocabulary, tables of the cells, logits, the graph. */
  readonly tableBytes: number;
  /** Pages of the library's code. A process has them once, however many models it loads. */
  readonly codeBytes: number;
  /** Weights, cache and intermediate results on GPUs. */
  readonly deviceBytes: number;
  /** Of these, KV cells and recurrent states; nothing when absent. */
  readonly deviceCacheBytes?: number;
  /** The model generates no text: prompts need no memory beside {@link cacheBytes}. It does when absent. */
  readonly keepsNoPrompts?: boolean;
  /** All of the above that is in the machine's RAM: with {@link deviceBytes} where the GPU shares it. */
  readonly totalBytes: number;
  /**
   * `dry-run`: the library said what it would allocate. `estimate`: it could not be asked on this platform, and sizes
   * are worked out from the model's dimensions; they are an upper bound for plain transformers.
   */
  readonly basis: 'dry-run' | 'estimate';
}

/** The part of a need that no file backs: what unloading the engine gives back, and nothing else can. */
export function anonymousBytes({ totalBytes, mappedWeightBytes, codeBytes }: MemoryNeed): number {
  return totalBytes - mappedWeightBytes - codeBytes;
}

/** What of a need is in memory that is the GPUs' own, bytes: nothing where they use the machine's RAM. */
export function gpuMemoryBytes(need: MemoryNeed): number {
  const { mappedWeightBytes, copiedWeightBytes, cacheBytes, computeBytes, tableBytes, codeBytes } = need;
  const hostBytes =
    mappedWeightBytes + copiedWeightBytes + cacheBytes + computeBytes + tableBytes + codeBytes;
  const sharedBytes = need.totalBytes - hostBytes;
  return Math.max(0, need.deviceBytes - sharedBytes);
}

/**
 * What an engine's host takes beside the engine, without pages of files, bytes: the JavaScript heaps of an engine
 * thread, or of a process with one. Measured with Node 20 on 64-bit Linux.
 */
export const hostBytes = { thread: 8 * 2 ** 20, process: 20 * 2 ** 20 } as const;

/**
 * What became of an engine's memory after it ended. `settled`: it was seen to come back in time; `late`: only after the
 * deadline; `leaked`: it did not; `indeterminate`: nobody can tell, since it could not be read, or since other engines
 * of the same process grew and shrank meanwhile.
 */
export type SettleVerdict = 'settled' | 'late' | 'leaked' | 'indeterminate';

/** One unload, as the settle barrier saw it. */
export interface SettleReport {
  readonly verdict: SettleVerdict;
  /** What should have come back, bytes. */
  readonly expectedBytes: number;
  /** What did, bytes; absent where it could not be read. */
  readonly returnedBytes?: number;
  /** The same of the GPUs' own memory; absent where the engine had none of it, or it could not be read. */
  readonly gpu?: { readonly expectedBytes: number; readonly returnedBytes?: number };
  /** From the end of the engine to the reading that decided. */
  readonly milliseconds: number;
}

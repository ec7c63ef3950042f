/** What both sides of the raw benchmark do, read from the command line of their process. */
export interface Workload {
  readonly modelPath: string;
  readonly threads: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
}

/** What one process measured, tokens per second. */
export interface Speeds {
  readonly prefill: number;
  readonly decode: number;
}

export function readWorkload(): Workload {
  return JSON.parse(process.argv[2] ?? '{}') as Workload;
}

/** A prompt that no cache has seen: tokens from the part of the vocabulary that every test model has. */
export function promptOf(length: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return 20 + (state % 200);
  });
}

/** Rows of one decode call, on both sides. */
export const batchSize = 512;

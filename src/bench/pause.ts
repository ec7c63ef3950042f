import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves after this many milliseconds, or when the signal says that nobody wants to wait any more. */
export async function pause(duration: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(duration, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}

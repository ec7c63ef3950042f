import { HeddleError } from '../core/errors.js';
import type { Generation } from './generation.js';

/**
 * All updates of a request whose answer is of use only when it is whole.
 * @param signal stops the work
 * @throws HeddleError why the request failed; `request_cancelled` when it was stopped
 */
export async function readAll<Update>(
  updates: Generation<Update>,
  signal: AbortSignal | undefined,
): Promise<Update[]> {
  const all: Update[] = [];
  const cancel = (): void => updates.cancel();
  signal?.addEventListener('abort', cancel);
  if (signal?.aborted === true) cancel();
  try {
    for await (const update of updates) all.push(update);
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
  if (signal?.aborted === true) {
    throw new HeddleError('request_cancelled', 'The request was cancelled before it was complete.');
  }
  return all;
}

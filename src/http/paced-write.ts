import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** Sends a part of a stream; resolves when the client can take another, or has gone. */
export async function pacedWrite(response: ServerResponse, text: string): Promise<void> {
  if (response.destroyed || response.write(text)) return;
  const waiting = new AbortController();
  const options = { signal: waiting.signal };
  await Promise.race([once(response, 'drain', options), once(response, 'close', options)]);
  waiting.abort();
}

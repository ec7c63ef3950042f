import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { StreamEvent, StreamWriter } from '../sse-writer.js';

/** Writes a stream as JSON objects, one in each line, at the pace at which the client takes them. */
export class NdjsonWriter implements StreamWriter {
  readonly #response: ServerResponse;

  /** Sends the head of the response. */
  constructor(response: ServerResponse) {
    this.#response = response;
    response.writeHead(200, {
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      connection: 'keep-alive',
    });
    response.flushHeaders();
  }

  async send({ data }: StreamEvent): Promise<void> {
    const response = this.#response;
    if (response.destroyed) return;
    if (response.write(`${JSON.stringify(data)}\n`)) return;
    const waiting = new AbortController();
    const options = { signal: waiting.signal };
    await Promise.race([once(response, 'drain', options), once(response, 'close', options)]);
    waiting.abort();
  }

  end(): void {
    this.#response.end();
  }
}

import type { ServerResponse } from 'node:http';
import { jsonLine } from '../json-line.js';
import { pacedWrite } from '../paced-write.js';
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
    await pacedWrite(this.#response, `${typeof data === 'string' ? data : jsonLine(data)}\n`);
  }

  end(): void {
    this.#response.end();
  }
}

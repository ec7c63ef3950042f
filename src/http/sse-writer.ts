import type { ServerResponse } from 'node:http';
import { jsonLine } from './json-line.js';
import { pacedWrite } from './paced-write.js';

/** A message of a stream. */
export interface StreamEvent {
  /** Its type, where an API names them. */
  readonly name?: string;
  readonly data: object | '[DONE]';
}

/** Sends what an answer is made of, message by message. */
export interface StreamWriter {
  /** Resolves when the client can take another message, or has gone. */
  send(event: StreamEvent): Promise<void>;
  end(): void;
}

/** Writes server-sent events, at the pace at which the client takes them. */
export class SseWriter implements StreamWriter {
  readonly #response: ServerResponse;

  /** Sends the head of the response. */
  constructor(response: ServerResponse, headers: Readonly<Record<string, string>> = {}) {
    this.#response = response;
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      connection: 'keep-alive',
    });
    response.flushHeaders();
  }

  /** Sends one event; resolves when the client can take another, or has gone. */
  async send({ name, data }: StreamEvent): Promise<void> {
    const text = typeof data === 'string' ? data : jsonLine(data);
    await pacedWrite(this.#response, `${name === undefined ? '' : `event: ${name}\n`}data: ${text}\n\n`);
  }

  end(): void {
    this.#response.end();
  }
}

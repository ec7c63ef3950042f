import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { SseWriter } from './sse-writer.js';

/** A response whose client takes what the test says. */
class SlowResponse extends EventEmitter {
  readonly written: string[] = [];
  full = false;
  destroyed = false;
  writeHead(): void {}
  flushHeaders(): void {}
  write(text: string): boolean {
    this.written.push(text);
    return !this.full;
  }
}

function makeWriter(): { response: SlowResponse; events: SseWriter } {
  const response = new SlowResponse();
  return { response, events: new SseWriter(response as unknown as ServerResponse) };
}

describe('an event stream', () => {
  it('writes one event for each message', async () => {
    const { response, events } = makeWriter();
    await events.send({ data: { a: 1 } });
    await events.send({ name: 'last', data: { b: 2 } });
    await events.send({ data: '[DONE]' });
    expect(response.written).toEqual([
      'data: {"a":1}\n\n',
      'event: last\ndata: {"b":2}\n\n',
      'data: [DONE]\n\n',
    ]);
  });

  it('waits for a client that is slow', async () => {
    const { response, events } = makeWriter();
    response.full = true;
    let sent = false;
    const sending = events.send({ data: { a: 1 } }).then(() => (sent = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toBe(false);
    response.emit('drain');
    await sending;
    expect(response.listenerCount('drain') + response.listenerCount('close')).toBe(0);
  });

  it('waits no longer when the client goes away, and writes nothing after that', async () => {
    const { response, events } = makeWriter();
    response.full = true;
    const sending = events.send({ data: { a: 1 } });
    response.destroyed = true;
    response.emit('close');
    await sending;
    await events.send({ data: { a: 2 } });
    expect(response.written).toHaveLength(1);
  });
});

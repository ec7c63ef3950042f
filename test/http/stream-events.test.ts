import { describe, expect, it } from 'vitest';
import { SseWriter } from '../../src/http/sse-writer.js';
import { events } from './fake-server.js';
import { EventReader, eventsIn, streamEvents } from './stream-events.js';

const text = 'data: {"a":1}\n\nevent: message_stop\ndata: {"größe":"€"}\n\nevent: two\ndata: x\ndata:  y\n\n';
const read = [
  { name: undefined, data: '{"a":1}' },
  { name: 'message_stop', data: '{"größe":"€"}' },
  { name: 'two', data: 'x\n y' },
];

/** A response whose body comes in pieces of so many bytes. */
function inPieces(size: number): Response {
  const bytes = new TextEncoder().encode(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );
  return new Response(new ReadableStream({ start: (stream) => fill(stream, pieces) }));
}

function fill(stream: ReadableStreamDefaultController<Uint8Array>, pieces: readonly Uint8Array[]): void {
  for (const piece of pieces) stream.enqueue(piece);
  stream.close();
}

describe('the reader of events', () => {
  it('reads named ones and others', () => {
    expect(eventsIn(text)).toEqual(read);
    expect(eventsIn('')).toEqual([]);
  });

  it.each([1, 2, 7, 1000])('reads them from pieces of %d bytes', async (size) => {
    const named = [];
    for await (const event of streamEvents(inPieces(size))) named.push(event);
    expect(named).toEqual(read);
    const data = [];
    for await (const event of events(inPieces(size))) data.push(event);
    expect(data).toEqual(read.map((event) => event.data));
  });

  it('reads an event as soon as it is whole', () => {
    const reader = new EventReader();
    expect(reader.push('event: a\ndata: b\n')).toEqual([]);
    expect(reader.push('\nda')).toEqual([{ name: 'a', data: 'b' }]);
    expect(() => reader.end()).toThrow('does not end');
  });

  it.each(['data:x\n\n', 'id: 1\ndata: x\n\n', 'event: a\n\n', 'data: x\nevent: a\n\n', '\n\n', 'data: x\n'])(
    'lets nothing pass that the server never writes: %j',
    (bad) => {
      expect(() => eventsIn(bad)).toThrow(/no line of an event|without data|does not end/);
    },
  );

  it('reads what the server writes', async () => {
    const written: string[] = [];
    const response = {
      destroyed: false,
      writeHead: () => {},
      flushHeaders: () => {},
      write: (piece: string) => written.push(piece) > 0,
    };
    const writer = new SseWriter(response as unknown as ConstructorParameters<typeof SseWriter>[0]);
    await writer.send({ name: 'ping', data: { type: 'ping' } });
    await writer.send({ data: '[DONE]' });
    expect(eventsIn(written.join(''))).toEqual([
      { name: 'ping', data: '{"type":"ping"}' },
      { name: undefined, data: '[DONE]' },
    ]);
  });
});

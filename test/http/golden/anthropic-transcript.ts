import { expect } from 'vitest';
import { eventSchema, type MessageEvent } from '../../../src/http/openapi/answers/messages.js';
import { streamEvents } from '../stream-events.js';

/** The events of a stream as they come, each of the published shape and named by its type. */
export async function* messageEvents(response: Response): AsyncGenerator<MessageEvent> {
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  for await (const { name, data } of streamEvents(response)) {
    const event = eventSchema.parse(JSON.parse(data));
    expect(event.type).toBe(name);
    yield event;
  }
}

/**
 * A whole stream, in the published order: the message begins; each block begins, grows and ends before the next, and they
 * are counted from 0; thinking ends with its signature; then the reason and the counts; then the end. Pings may be anywhere.
 */
export async function messageTranscript(response: Response): Promise<MessageEvent[]> {
  const all: MessageEvent[] = [];
  for await (const event of messageEvents(response)) all.push(event);
  const events = all.filter(({ type }) => type !== 'ping');
  expect(events[0]?.type).toBe('message_start');
  expect(events.slice(-2).map(({ type }) => type)).toEqual(['message_delta', 'message_stop']);
  let open: string | undefined;
  let index = -1;
  for (const event of events.slice(1, -2)) {
    if (event.type === 'content_block_start') {
      expect(open).toBeUndefined();
      open = event.content_block.type;
      expect(event.index).toBe(++index);
    } else if (event.type === 'content_block_delta') {
      expect(event.index).toBe(index);
      expect(grown[event.delta.type]).toBe(open);
    } else {
      expect(event).toEqual({ type: 'content_block_stop', index });
      expect(open).toBeDefined();
      open = undefined;
    }
  }
  expect(open).toBeUndefined();
  return all;
}

/** The block that each kind of delta makes grow. */
const grown = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  signature_delta: 'thinking',
  input_json_delta: 'tool_use',
} as const;

/** A transcript as text, a line for each event, without what is random. */
export function transcriptText(events: readonly MessageEvent[]): string {
  return events
    .map((event) => JSON.stringify(event))
    .join('\n')
    .replaceAll(/"msg_[\da-f]{24}"/g, '"msg_ID"')
    .replaceAll(/"call_\w{24}"/g, '"call_ID"')
    .concat('\n');
}

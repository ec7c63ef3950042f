import { expect } from 'vitest';
import {
  eventSchema,
  type ResponseObject,
  type ResponseStreamEvent,
} from '../../src/http/openapi/answers/responses.js';
import { streamEvents } from './stream-events.js';

/** A stream of `/v1/responses`: each event is as the schemas say, and all of them follow the grammar of events. */
export async function readTranscript(response: Response): Promise<ResponseStreamEvent[]> {
  expect(response.status).toBe(200);
  const transcript: ResponseStreamEvent[] = [];
  for await (const { name, data } of streamEvents(response)) {
    const event = eventSchema.parse(JSON.parse(data));
    expect(event.type).toBe(name);
    transcript.push(event);
  }
  checkTranscript(transcript);
  return transcript;
}

/** The response that the last event of a stream has, or that it failed with. */
export function lastResponse(transcript: readonly ResponseStreamEvent[]): ResponseObject {
  const last = transcript.findLast((event) => 'response' in event);
  if (last === undefined) throw new Error('there is no response');
  return last.response;
}

/** Types of a stream's events; several of the same in a row are one. */
export function shapeOf(transcript: readonly ResponseStreamEvent[]): string[] {
  return transcript
    .map(({ type }) => type.replace(/^response\./, ''))
    .filter((type, index, types) => type !== types[index - 1]);
}

const ends = ['response.completed', 'response.incomplete', 'response.failed'];

/**
 * Events are counted; items are opened, filled and closed one after the other, under the same id and index in all of their
 * events; texts and arguments are what their pieces were; and the last response has just these items.
 */
function checkTranscript(transcript: readonly ResponseStreamEvent[]): void {
  expect(transcript.map(({ sequence_number }) => sequence_number)).toEqual(
    transcript.map((_, index) => index),
  );
  const types = transcript.map(({ type }) => type);
  expect(types.slice(0, 2)).toEqual(['response.created', 'response.in_progress']);
  const last = types.at(-1) === 'error' ? -2 : -1;
  expect(ends).toContain(types.at(last));
  expect(types.at(-1) === 'error').toBe(types.at(last) === 'response.failed');
  const done = transcript.slice(2, last).reduce<ItemRecord>(takeEvent, { items: [], open: undefined });
  expect(done.open).toBeUndefined();
  expect(lastResponse(transcript).output).toEqual(done.items);
  const responses = transcript.flatMap((event) => ('response' in event ? [event.response.id] : []));
  expect(new Set(responses).size).toBe(1);
}

interface ItemRecord {
  readonly items: readonly object[];
  /** `steps` are the events of the item so far. */
  readonly open:
    { readonly id: string; readonly text: string; readonly steps: readonly string[] } | undefined;
}

function takeEvent({ items, open }: ItemRecord, event: ResponseStreamEvent): ItemRecord {
  if ('output_index' in event) expect(event.output_index).toBe(items.length);
  if ('content_index' in event) expect(event.content_index).toBe(0);
  if (event.type === 'response.output_item.added') {
    expect(open).toBeUndefined();
    expect(event.item.status).toBe('in_progress');
    return { items, open: { id: event.item.id, text: '', steps: [] } };
  }
  if (open === undefined) throw new Error(`${event.type} outside of an item`);
  const kind = event.type.replace(/^response\./, '');
  const steps = open.steps.at(-1) === kind ? open.steps : [...open.steps, kind];
  if ('item_id' in event) expect(event.item_id).toBe(open.id);
  if ('delta' in event) return { items, open: { ...open, steps, text: open.text + event.delta } };
  if ('text' in event) expect(event.text).toBe(open.text);
  if ('arguments' in event) expect(event.arguments).toBe(open.text);
  if (event.type === 'response.content_part.added') expect(event.part.text).toBe('');
  if (event.type === 'response.content_part.done') expect(event.part.text).toBe(open.text);
  if (event.type !== 'response.output_item.done') return { items, open: { ...open, steps } };
  expect(event.item.id).toBe(open.id);
  expect(event.item.status).not.toBe('in_progress');
  const told = event.item.type === 'function_call' ? event.item.arguments : event.item.content[0]?.text;
  expect(told).toBe(open.text);
  const filled = open.text === '' ? [] : [`${names[event.item.type]}.delta`];
  const around =
    event.item.type === 'function_call' ? [[], []] : [['content_part.added'], ['content_part.done']];
  expect(open.steps).toEqual([
    ...(around[0] ?? []),
    ...filled,
    `${names[event.item.type]}.done`,
    ...(around[1] ?? []),
  ]);
  return { items: [...items, event.item], open: undefined };
}

const names = {
  message: 'output_text',
  reasoning: 'reasoning_text',
  function_call: 'function_call_arguments',
} as const;

import { expect } from 'vitest';
import type { z } from 'zod';
import { events } from '../fake-server.js';
import { chatChunkSchema, textChunkSchema, type ChatChunk, type TextChunk } from './openai-schemas.js';

/** What a stream is to have. */
export interface StreamShape {
  readonly choices: number;
  readonly includeUsage: boolean;
}

/**
 * The chunks of a streamed chat, each of the published shape and all in the published order: of each choice the role
 * once and first, the reason once and last; then the usage, with no choices; then the mark of the end.
 */
export async function chatTranscript(response: Response, shape: StreamShape): Promise<ChatChunk[]> {
  const chunks = await readChunks(response, chatChunkSchema, shape);
  for (let index = 0; index < shape.choices; index++) {
    const own = chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index));
    expect(own.map(({ delta }) => delta.role)).toEqual(
      own.map((_, at) => (at === 0 ? 'assistant' : undefined)),
    );
  }
  return chunks;
}

/** As {@link chatTranscript}, of a streamed text completion, which has no roles. */
export async function textTranscript(response: Response, shape: StreamShape): Promise<TextChunk[]> {
  return readChunks(response, textChunkSchema, shape);
}

interface Chunk {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
  readonly choices: readonly { readonly index: number; readonly finish_reason: string | null }[];
  readonly usage?: object | null | undefined;
}

async function readChunks<C extends Chunk>(
  response: Response,
  schema: z.ZodType<C>,
  { choices, includeUsage }: StreamShape,
): Promise<C[]> {
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const all: string[] = [];
  for await (const event of events(response)) all.push(event);
  expect(all.filter((event) => event === '[DONE]')).toEqual(['[DONE]']);
  expect(all.at(-1)).toBe('[DONE]');
  const chunks = all.slice(0, -1).map((event) => schema.parse(JSON.parse(event)));

  for (const field of ['id', 'created', 'model', 'system_fingerprint'] as const)
    expect(new Set(chunks.map((chunk) => chunk[field])).size).toBe(1);

  const content = includeUsage ? chunks.slice(0, -1) : chunks;
  if (includeUsage) {
    expect(chunks.at(-1)?.choices).toEqual([]);
    expect(chunks.at(-1)?.usage).toBeTypeOf('object');
    expect(chunks.at(-1)?.usage).not.toBeNull();
    for (const { usage } of content) expect(usage).toBeNull();
  } else for (const chunk of content) expect(chunk).not.toHaveProperty('usage');

  for (const chunk of content) expect(chunk.choices).toHaveLength(1);
  for (let index = 0; index < choices; index++) {
    const reasons = content
      .flatMap((chunk) => chunk.choices.filter((choice) => choice.index === index))
      .map(({ finish_reason }) => finish_reason);
    expect(reasons.length).toBeGreaterThan(0);
    expect(reasons.filter((reason) => reason !== null)).toEqual([reasons.at(-1)]);
  }
  const indices = new Set(content.flatMap((chunk) => chunk.choices.map(({ index }) => index)));
  expect([...indices].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: choices }, (_, index) => index),
  );
  return chunks;
}

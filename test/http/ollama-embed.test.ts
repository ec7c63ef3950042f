import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { FakeServer } from './fake-server.js';

const answer = z.strictObject({
  model: z.string(),
  embeddings: z.array(z.array(z.number())),
  total_duration: z.int().min(1),
  load_duration: z.int().min(1),
  prompt_eval_count: z.int().min(0),
});

let server: FakeServer;

beforeEach(async () => {
  server = await FakeServer.start(
    { last: 'fake:?kind=embedding&pooling=last', chat: 'fake:?' },
    { contextSize: 256 },
  );
});
afterEach(async () => server.stop());

async function embed(body: object): Promise<z.infer<typeof answer>> {
  const response = await server.post('/api/embed', { model: 'last', ...body });
  const text = await response.text();
  expect(response.status).toBe(200);
  return answer.parse(JSON.parse(text));
}

async function reference(input: unknown): Promise<number[][]> {
  const response = await server.post('/v1/embeddings', { model: 'last', input });
  const { data } = (await response.json()) as { data: { embedding: number[] }[] };
  return data.map(({ embedding }) => embedding);
}

async function refusal(path: string, body: object): Promise<[number, unknown]> {
  const response = await server.post(path, { model: 'last', ...body });
  return [response.status, await response.json()];
}

describe('/api/embed', () => {
  it('answers as /v1/embeddings does, to one text and to many', async () => {
    const one = await embed({ input: 'Hi' });
    expect(one.embeddings).toEqual(await reference('Hi'));
    const two = await embed({ model: 'last:latest', input: ['Hi', 'Hello'] });
    expect(two).toMatchObject({ model: 'last:latest', embeddings: await reference(['Hi', 'Hello']) });
    expect(two.prompt_eval_count).toBe(3 + 6);
    expect((await embed({ input: 'Hi', dimensions: 4 })).embeddings[0]).toHaveLength(4);
  });

  it('cuts inputs that are too long, unless they may not be', async () => {
    const long = 'Hi'.repeat(200);
    // A byte is a token here, and one more is before them.
    const cut = long.slice(0, 255);
    const { embeddings, prompt_eval_count } = await embed({ input: ['Hi', long], keep_alive: 0 });
    expect(embeddings).toEqual(await reference(['Hi', cut]));
    expect(prompt_eval_count).toBe(3 + 256);
    expect(await refusal('/api/embed', { input: ['Hi', long], truncate: false })).toEqual([
      400,
      { error: expect.stringContaining('401 tokens') as string },
    ]);
  });

  it('loads the model where there is no input', async () => {
    expect((await embed({ input: [] })).embeddings).toEqual([]);
    expect(server.pool.stateOf('last')).toBe('ready');
    expect((await embed({ input: '', keep_alive: 0 })).embeddings).toEqual([]);
    expect(server.pool.stateOf('last')).not.toBe('ready');
  });

  it.each([
    [{ model: 'chat', input: 'Hi' }, 'does not make embeddings'],
    [{ input: ['Hi', ''] }, '"input[1]"'],
    [{ input: 'Hi', dimensions: 1000 }, '"dimensions"'],
    [{ input: 'Hi', options: { temperature: 1 } }, '"options.temperature"'],
    [{ input: 'Hi', options: { num_ctx: 512 } }, '"options.num_ctx"'],
    [{ input: 'Hi', encoding_format: 'float' }, '"encoding_format"'],
  ])('refuses %j', async (body, message) => {
    expect(await refusal('/api/embed', body)).toEqual([
      400,
      { error: expect.stringContaining(message) as string },
    ]);
  });
});

describe('/api/embeddings', () => {
  it('answers with one embedding, as the model made it', async () => {
    const response = await server.post('/api/embeddings', { model: 'last', prompt: 'Hi' });
    const { embedding } = (await response.json()) as { embedding: number[] };
    const length = Math.hypot(...embedding);
    expect(Math.abs(length - 1)).toBeGreaterThan(0.01);
    const [unit = []] = await reference('Hi');
    for (const [index, value] of embedding.entries())
      expect(value / length).toBeCloseTo(unit[index] ?? NaN, 5);
  });

  it('has an empty one where there is no prompt', async () => {
    const response = await server.post('/api/embeddings', { model: 'last' });
    expect(await response.json()).toEqual({ embedding: [] });
    expect(server.pool.stateOf('last')).toBe('ready');
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createThreadEngine } from '../../src/engine/create-engine.js';
import type { Engine } from '../../src/engine/engine.js';
import { writeEncoderFixture, writePooledFixture } from '../../src/testing/gguf/embedding-fixtures.js';
import { writeFixture } from '../../src/testing/gguf/fixtures.js';
import { writeEncoderRerankerFixture } from '../../src/testing/gguf/reranker-fixtures.js';
import { makeEmbedRequest } from '../../src/testing/requests.js';
import { ServerProcess } from './server-process.js';

let folder = '';
let server: ServerProcess;
let client: OpenAI;
/** The same embedding model, loaded here. */
let engine: Engine;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-embeddings-'));
  const modelPath = writePooledFixture('qwen3', folder, 'last');
  writeEncoderFixture(folder, 'mean');
  writeEncoderRerankerFixture(folder);
  writeFixture('llama', folder);
  server = await ServerProcess.start('--model-dir', folder, '--ctx', '1024');
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  engine = createThreadEngine('test');
  await engine.load({ modelPath, contextSize: 1024, slots: 4, batchSize: 512, threads: 1 });
});

afterAll(async () => {
  await engine.close();
  expect(await server.stop()).toBe(0);
  rmSync(folder, { recursive: true });
});

const model = 'qwen3-last';

async function expectEmbedding(embedding: readonly number[] | undefined, text: string): Promise<void> {
  const [expected] = await engine.embed(makeEmbedRequest([text], true));
  const apart = Array.from(expected?.embedding ?? [], (value, at) => value - (embedding?.[at] ?? NaN));
  expect(apart.length).toBe(128);
  // Rounding: see test/native/embeddings.test.ts.
  expect(Math.hypot(...apart)).toBeLessThan(0.002);
}

describe('the official client', () => {
  it('gets embeddings as it asks for them by default, in base64, and decodes them', async () => {
    const { data, usage } = await client.embeddings.create({ model, input: 'Who makes cloth?' });
    expect(data).toHaveLength(1);
    await expectEmbedding(data[0]?.embedding, 'Who makes cloth?');
    const tokens = await engine.tokenize('Who makes cloth?');
    expect(usage).toEqual({ prompt_tokens: tokens.length, total_tokens: tokens.length });
  });

  it('gets them as floats', async () => {
    const { data } = await client.embeddings.create({ model, input: 'Tokyo', encoding_format: 'float' });
    expect(data).toHaveLength(1);
    await expectEmbedding(data[0]?.embedding, 'Tokyo');
  });

  it('gets those of a batch in its order, of texts and of tokens', async () => {
    const texts = ['one', 'two of them', 'three are here: one, two, three', 'four'];
    const whole = await client.embeddings.create({ model, input: texts });
    expect(whole.data.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    for (const [index, text] of texts.entries()) await expectEmbedding(whole.data[index]?.embedding, text);
    const tokens = await Promise.all(texts.map(async (text) => engine.tokenize(text)));
    const ofTokens = await client.embeddings.create({ model, input: tokens });
    for (const [index, text] of texts.entries()) await expectEmbedding(ofTokens.data[index]?.embedding, text);
    expect(ofTokens.usage).toEqual(whole.usage);
  });

  it('gets fewer dimensions, of length 1', async () => {
    const { data } = await client.embeddings.create({ model, input: 'Tokyo', dimensions: 32 });
    expect(data[0]?.embedding).toHaveLength(32);
    expect(Math.hypot(...(data[0]?.embedding ?? []))).toBeCloseTo(1, 5);
  });

  it('gets errors of its own classes, saying what is wrong', async () => {
    const error = async (body: OpenAI.EmbeddingCreateParams): Promise<unknown> =>
      client.embeddings.create(body).catch((thrown: unknown) => thrown);
    const empty = await error({ model, input: ['a', ''] });
    expect(empty).toBeInstanceOf(BadRequestError);
    expect(empty).toMatchObject({ status: 400, code: 'invalid_parameter', param: 'input[1]' });
    const chat = await error({ model: 'llama', input: 'a' });
    expect(chat).toBeInstanceOf(BadRequestError);
    expect(chat).toMatchObject({ code: 'unsupported_by_model', param: 'model' });
    expect((chat as Error).message).toContain('These do: bert-mean, qwen3-last.');
    const unknown = await error({ model: 'gone', input: 'a' });
    expect(unknown).toBeInstanceOf(NotFoundError);
    const talking = client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'Hi' }],
    });
    await expect(talking).rejects.toMatchObject({ status: 400, code: 'unsupported_by_model' });
  });

  it('sees of each model what it is for', async () => {
    const kinds: Record<string, unknown> = {};
    for await (const one of client.models.list()) kinds[one.id] = (one as unknown as { kind: unknown }).kind;
    expect(kinds).toEqual({
      'bert-mean': 'embedding',
      'bert-reranker': 'reranking',
      llama: 'generation',
      'qwen3-last': 'embedding',
    });
  });
});

it('models of all kinds serve at once, beside each other', async () => {
  const rerank = async (): Promise<number[]> => {
    const { results } = await client.post<{ results: { index: number }[] }>('/rerank', {
      body: { model: 'bert-reranker', query: 'Who?', documents: ['the cat', 'the dog', 'nobody at all'] },
    });
    return results.map(({ index }) => index);
  };
  const text = async (): Promise<string | undefined> => {
    const { choices } = await client.completions.create({
      model: 'llama',
      prompt: 'Once upon a time',
      max_tokens: 12,
      temperature: 0,
    });
    return choices[0]?.text;
  };
  const alone = { order: await rerank(), text: await text() };
  expect(new Set(alone.order)).toEqual(new Set([0, 1, 2]));
  await Promise.all(
    [1, 2, 3].flatMap(() => [
      client.embeddings
        .create({ model, input: 'Tokyo' })
        .then(async ({ data }) => expectEmbedding(data[0]?.embedding, 'Tokyo')),
      client.embeddings.create({ model: 'bert-mean', input: ['a', 'b'] }).then(({ data }) => {
        expect(data).toHaveLength(2);
      }),
      rerank().then((order) => expect(order).toEqual(alone.order)),
      text().then((found) => expect(found).toBe(alone.text)),
    ]),
  );
});

import { join } from 'node:path';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/core/errors.js';
import { FakeRunner } from '../../src/testing/fake-runner.js';
import { writeEncoderFixture, writePooledFixture } from '../../src/testing/gguf/embedding-fixtures.js';
import { writeFixture } from '../../src/testing/gguf/fixtures.js';
import { parseMetrics, valueOf } from '../../src/testing/metrics-text.js';
import { FakeServer } from './fake-server.js';

let server: FakeServer;

beforeEach(async () => {
  server = await FakeServer.start({
    encoder: 'fake:?causal=false',
    last: 'fake:?kind=embedding&pooling=last',
    large: 'fake:?causal=false&embeddingSize=2048',
    chat: 'fake:?',
    reranker: 'fake:?pooling=none',
    failing: 'fake:?kind=embedding&failAtDecode=1',
  });
});

afterEach(async () => server.stop());

interface Answer {
  object: string;
  model: string;
  data: { object: string; index: number; embedding: number[] | string }[];
  usage: object;
}

async function embed(body: object): Promise<Answer> {
  const response = await server.post('/v1/embeddings', { model: 'last', ...body });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  return (await response.json()) as Answer;
}

function vector({ data }: Answer, index = 0): number[] {
  const embedding = data[index]?.embedding;
  if (typeof embedding !== 'string') return embedding ?? [];
  const bytes = Buffer.from(embedding, 'base64');
  return Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(4 * at));
}

/** What the fake model makes of these tokens at the last one, at length 1. */
function expected(tokens: readonly number[]): number[] {
  const room = { contextSize: 512, slots: 1, batchSize: 512, threads: 1 };
  const runner = new FakeRunner({ modelPath: 'fake:?outputRows=512', ...room }, new Uint8Array(2));
  const span = { sequenceId: 1, slot: 0, start: 0, tokens, output: true };
  runner.decode({ spans: [span], rows: tokens.length, embeds: true });
  const row = runner.rowEmbedding(tokens.length - 1);
  const length = Math.hypot(...row);
  return [...Float32Array.from(row, (value) => value / length)];
}

const begin = 256;
const hi = [begin, 72, 105];

describe('POST /v1/embeddings', () => {
  it('answers with one embedding of length 1, as numbers, and what it read', async () => {
    const answer = await embed({ input: 'Hi' });
    expect(answer).toMatchObject({
      object: 'list',
      model: 'last',
      data: [{ object: 'embedding', index: 0 }],
      usage: { prompt_tokens: 3, total_tokens: 3 },
    });
    expect(Object.keys(answer).toSorted()).toEqual(['data', 'model', 'object', 'usage']);
    expect(vector(answer)).toEqual(expected(hi));
    expect(Math.hypot(...vector(answer))).toBeCloseTo(1, 6);
  });

  it('answers with the same 32-bit floats as base64', async () => {
    const answer = await embed({ input: 'Hi', encoding_format: 'base64' });
    expect(typeof answer.data[0]?.embedding).toBe('string');
    expect(vector(answer)).toEqual(expected(hi));
    expect(vector(await embed({ input: 'Hi', encoding_format: 'float' }))).toEqual(expected(hi));
  });

  it.each([
    ['texts', ['Hi', 'other', 'Hi'], [hi, [begin, ...Buffer.from('other')], hi]],
    ['one list of tokens', [1, 2, 3], [[1, 2, 3]]],
    ['lists of tokens', [[1, 2], [3], [72, 105]], [[1, 2], [3], [72, 105]]],
  ])('takes %s, and answers in their order', async (_, input, tokens) => {
    const answer = await embed({ input });
    expect(answer.data.map(({ index }) => index)).toEqual(tokens.map((_tokens, index) => index));
    for (const [index, ids] of tokens.entries()) expect(vector(answer, index)).toEqual(expected(ids));
    const count = tokens.flat().length;
    expect(answer.usage).toEqual({ prompt_tokens: count, total_tokens: count });
  });

  it('gives the first of its dimensions, at length 1 again', async () => {
    const whole = expected(hi);
    const answer = await embed({ input: 'Hi', dimensions: 5 });
    const length = Math.hypot(...whole.slice(0, 5));
    for (const [index, value] of vector(answer).entries())
      expect(value).toBeCloseTo((whole[index] ?? NaN) / length, 6);
    expect(vector(answer)).toHaveLength(5);
    expect(vector(await embed({ input: 'Hi', dimensions: 16 }))).toEqual(whole);
  });

  it('takes 2048 inputs', async () => {
    const input = Array.from({ length: 2048 }, (_, index) => [index % 256, 7]);
    const answer = await embed({ model: 'encoder', input, encoding_format: 'base64' });
    expect(answer.data).toHaveLength(2048);
    expect(answer.data[300]).toEqual({ ...answer.data[44], index: 300 });
    expect(new Set(answer.data.map(({ embedding }) => embedding)).size).toBe(256);
  });

  const refused: [string, object, ErrorCode, string][] = [
    ['no input', {}, 'invalid_parameter', 'input'],
    ['an empty text', { input: '' }, 'invalid_parameter', 'input'],
    ['an empty list', { input: [] }, 'invalid_parameter', 'input'],
    ['an empty text among others', { input: ['a', '', 'b'] }, 'invalid_parameter', 'input[1]'],
    ['an empty list of tokens', { input: [[1], []] }, 'invalid_parameter', 'input[1]'],
    ['texts and tokens', { input: ['a', [1]] }, 'invalid_parameter', 'input'],
    ['a token that is none', { input: [[1], [999]] }, 'invalid_parameter', 'input[1]'],
    ['a token below 0', { input: [-1] }, 'invalid_parameter', 'input[0]'],
    ['a lone token that is none', { input: [999] }, 'invalid_parameter', 'input'],
    ['2049 inputs', { input: Array(2049).fill('a') }, 'invalid_parameter', 'input'],
    ['a long text', { input: 'x'.repeat(2100) }, 'context_length_exceeded', 'input'],
    ['a long text among others', { input: ['a', 'x'.repeat(2100)] }, 'context_length_exceeded', 'input[1]'],
    ['more dimensions than there are', { input: 'a', dimensions: 17 }, 'invalid_parameter', 'dimensions'],
    ['no dimensions', { input: 'a', dimensions: 0 }, 'invalid_parameter', 'dimensions'],
    ['another format', { input: 'a', encoding_format: 'int8' }, 'invalid_parameter', 'encoding_format'],
    ['a parameter of others', { input: 'a', truncate: true }, 'unsupported_parameter', 'truncate'],
    ['an unknown model', { model: 'x', input: 'a' }, 'model_not_found', 'model'],
    ['a chat model', { model: 'chat', input: 'a' }, 'unsupported_by_model', 'model'],
    ['a reranker', { model: 'reranker', input: 'a' }, 'unsupported_by_model', 'model'],
  ];

  it.each(refused)('refuses %s', async (_, body, code, param) => {
    const response = await server.post('/v1/embeddings', { model: 'last', ...body });
    expect(await response.json()).toMatchObject({ error: { code, param } });
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(response.status).toBe(code === 'model_not_found' ? 404 : 400);
  });

  it('says why its model failed, and serves the next request', async () => {
    const failed = await server.post('/v1/embeddings', { model: 'failing', input: ['a', 'b'] });
    expect(failed.status).toBe(500);
    expect(await failed.json()).toMatchObject({ error: { code: 'native_call_failed' } });
    expect((await embed({ model: 'failing', input: 'a' })).data).toHaveLength(1);
  });

  it('is counted in the metrics', async () => {
    await embed({
      input: [
        [72, 105],
        [1, 2, 3],
      ],
    });
    await embed({ input: 'Hi' });
    const metrics = parseMetrics(await (await fetch(`${server.url}/metrics`)).text());
    const labels = { model_name: 'last', task: 'embed' };
    expect(valueOf(metrics, 'heddle_inputs_total', labels)).toBe(3);
    expect(valueOf(metrics, 'heddle_input_tokens_total', labels)).toBe(8);
    expect(valueOf(metrics, 'heddle_input_request_seconds_count', labels)).toBe(2);
  });
});

describe('requests at once', () => {
  it('share the steps of their engine, and have what each has alone', async () => {
    const texts = Array.from({ length: 8 }, (_, index) => `text number ${index}`);
    const alone: number[][] = [];
    for (const input of texts) alone.push(vector(await embed({ model: 'encoder', input })));
    const engine = await server.engine('encoder');
    const { steps } = await engine.inspect();
    server.gate.hold();
    const answers = texts.map(async (input) => embed({ model: 'encoder', input }));
    while (engine.pendingRequests < texts.length) await new Promise((resolve) => setImmediate(resolve));
    server.gate.open();
    expect((await Promise.all(answers)).map((answer) => vector(answer))).toEqual(alone);
    // Four slots: of the first step, perhaps only the request that came first.
    expect((await engine.inspect()).steps - steps).toBeLessThanOrEqual(3);
    expect((await engine.inspect()).widestStep).toBe(4);
  });

  it('have their turn by priority and user, as those for text have', async () => {
    await server.stop();
    server = await FakeServer.start({ last: 'fake:?kind=embedding&pooling=last' }, { slots: 1 });
    const engine = await server.engine('last');
    server.gate.hold();
    const order: string[] = [];
    const ask = async (name: string, body: object): Promise<void> => {
      await embed({ input: name, ...body });
      order.push(name);
    };
    const answers = [ask('first', { user: 'ann' })];
    await server.gate.reached(1);
    for (const [name, body] of [
      ['batch', { priority: 'batch' }],
      ['ann 2', { user: 'ann' }],
      ['bob 1', { user: 'bob' }],
      ['high!', { service_tier: 'priority' }],
    ] as const) {
      answers.push(ask(name, body));
      const count = answers.length;
      while (engine.pendingRequests < count) await new Promise((resolve) => setImmediate(resolve));
    }
    server.gate.open();
    await Promise.all(answers);
    expect(order).toEqual(['first', 'high!', 'bob 1', 'ann 2', 'batch']);
  });

  it('stop when their client goes away', async () => {
    const engine = await server.engine('last');
    server.gate.hold();
    const leaving = new AbortController();
    const input = Array.from({ length: 100 }, () => 'x'.repeat(100));
    const answer = server.post('/v1/embeddings', { model: 'last', input }, leaving.signal);
    await server.gate.reached(1);
    server.gate.release(3);
    await server.gate.reached(4);
    leaving.abort();
    await expect(answer).rejects.toThrow('aborted');
    while (server.openResponses > 0) await new Promise((resolve) => setImmediate(resolve));
    server.gate.open();
    while (engine.pendingRequests > 0) await new Promise((resolve) => setImmediate(resolve));
    const report = await engine.inspect();
    expect(report).toMatchObject({ running: 0, waiting: 0, usedCells: 0, steps: 3 });
    const metrics = parseMetrics(await (await fetch(`${server.url}/metrics`)).text());
    expect(valueOf(metrics, 'heddle_request_errors_total', { code: 'request_cancelled' })).toBe(1);
  });

  it('whose client goes away in the middle of a large answer do not disturb the next', async () => {
    const input = Array.from({ length: 512 }, (_, index) => [index % 256]);
    const body = JSON.stringify({ model: 'large', input });
    const { port } = new URL(server.url);
    let complete: boolean | undefined;
    server.server.server.once('request', (_, response) => {
      response.once('close', () => (complete = response.writableFinished));
    });
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`);
    socket.write(`content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    const [start] = (await once(socket, 'data')) as [Buffer];
    expect(start.toString()).toContain('200 OK');
    socket.pause();
    socket.resetAndDestroy();
    while (server.openResponses > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(complete).toBe(false);
    expect(vector(await embed({ input: 'Hi' }))).toEqual(expected(hi));
    const metrics = parseMetrics(await (await fetch(`${server.url}/metrics`)).text());
    expect(metrics.get('heddle_request_errors_total')?.samples ?? []).toEqual([]);
  });

  it('keep their model until they are done, when it is to be unloaded', async () => {
    const engine = await server.engine('last');
    server.gate.hold();
    const answer = embed({ input: 'Hi' });
    await server.gate.reached(1);
    const unloaded = server.post('/v1/models/last/unload', { grace: 60 });
    while (server.pool.stateOf('last') !== 'draining') await new Promise((resolve) => setImmediate(resolve));
    expect(engine.pendingRequests).toBe(1);
    server.gate.open();
    expect(vector(await answer)).toEqual(expected(hi));
    expect((await unloaded).status).toBe(200);
  });
});

describe('a model that is for something else', () => {
  it('is named with those that are for this', async () => {
    for (const id of ['encoder', 'last', 'reranker']) await server.pool.load(id);
    const error = async (path: string, body: object): Promise<unknown> =>
      ((await (await server.post(path, body)).json()) as { error: unknown }).error;
    expect(await error('/v1/embeddings', { model: 'chat', input: 'a' })).toMatchObject({
      code: 'unsupported_by_model',
      message: '"chat" is a model that generates text: it does not make embeddings. These do: encoder, last.',
    });
    expect(
      await error('/v1/chat/completions', { model: 'last', messages: [{ role: 'user', content: 'Hi' }] }),
    ).toMatchObject({ code: 'unsupported_by_model', message: expect.stringContaining('an embedding model') });
    expect(await error('/v1/completions', { model: 'encoder', prompt: 'Hi' })).toMatchObject({
      code: 'unsupported_by_model',
    });
  });

  it('is refused before it is loaded, where its file says what it is', async () => {
    const { directories } = server.pool.catalogue;
    const folder = join(directories[0] ?? '', 'real');
    writeEncoderFixture(folder, 'mean');
    writePooledFixture('qwen3', folder, 'rank');
    writeFixture('llama', folder);
    const chat = { messages: [{ role: 'user', content: 'Hi' }] };
    const refused = [
      ['/v1/chat/completions', { model: 'bert-mean', ...chat }, '"bert-mean" is an embedding model'],
      ['/v1/completions', { model: 'qwen3-rank', prompt: 'Hi' }, '"qwen3-rank" is a reranker'],
      ['/v1/embeddings', { model: 'llama', input: 'Hi' }, 'These do: bert-mean.'],
      ['/v1/rerank', { model: 'llama', query: 'a', documents: ['b'] }, 'These do: qwen3-rank.'],
    ] as const;
    for (const [path, body, text] of refused) {
      const response = await server.post(path, body);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        error: { code: 'unsupported_by_model', param: 'model', message: expect.stringContaining(text) },
      });
    }
    expect(server.transports).toHaveLength(0);
    const { data } = (await (await fetch(`${server.url}/v1/models`)).json()) as {
      data: { id: string; kind: string | null }[];
    };
    const kinds = Object.fromEntries(data.map(({ id, kind }) => [id, kind]));
    expect(kinds).toEqual({
      'bert-mean': 'embedding',
      'qwen3-rank': 'reranking',
      llama: 'generation',
      chat: null,
      large: null,
      encoder: null,
      failing: null,
      last: null,
      reranker: null,
    });
    await server.pool.load('reranker');
    const loaded: unknown = await (await fetch(`${server.url}/v1/models/reranker`)).json();
    expect(loaded).toMatchObject({ kind: 'reranking', state: 'ready' });
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/core/errors.js';
import { FakeRunner } from '../../src/testing/fake-runner.js';
import { parseMetrics, valueOf } from '../../src/testing/metrics-text.js';
import { FakeServer } from './fake-server.js';

let server: FakeServer;

beforeEach(async () => {
  server = await FakeServer.start({
    reranker: 'fake:?pooling=none',
    encoder: 'fake:?causal=false&pooling=none',
    headless: 'fake:?pooling=none&rerankHead=none',
    chat: 'fake:?',
    embedder: 'fake:?causal=false',
  });
});

afterEach(async () => server.stop());

interface Answer {
  id: string;
  model: string;
  results: { index: number; relevance_score: number; document?: { text: string } }[];
  usage: { prompt_tokens: number; total_tokens: number };
  meta: object;
}

const query = 'who?';
const documents = ['one', 'the second', 'three', 'the last of them'];

async function rerank(body: object = {}, path = '/v1/rerank'): Promise<Answer> {
  const response = await server.post(path, { model: 'reranker', query, documents, ...body });
  expect(response.status).toBe(200);
  return (await response.json()) as Answer;
}

function pair(document: string): number[] {
  return [256, ...Buffer.from(query), 257, ...Buffer.from(document), 257];
}

/** What the fake model says of a document alone. */
function relevance(document: string): number {
  const room = { contextSize: 512, slots: 1, batchSize: 512, threads: 1 };
  const runner = new FakeRunner(
    { modelPath: 'fake:?pooling=none&outputRows=512', ...room },
    new Uint8Array(2),
  );
  const tokens = pair(document);
  const span = { sequenceId: 1, slot: 0, start: 0, tokens, output: true };
  runner.decode({ spans: [span], rows: tokens.length, embeds: true });
  return runner.relevance(0);
}

/** The answer's results, computed alone. */
function ranking(texts: readonly string[]): { index: number; relevance_score: number }[] {
  return texts
    .map((text, index) => ({ index, relevance_score: relevance(text) }))
    .toSorted((a, b) => b.relevance_score - a.relevance_score);
}

describe('POST /v1/rerank', () => {
  it.each(['/v1/rerank', '/rerank', '/v2/rerank'])('answers at %s, the most relevant first', async (path) => {
    const answer = await rerank({}, path);
    const tokens = documents.flatMap(pair).length;
    expect(answer).toEqual({
      id: expect.stringMatching(/^rerank-/),
      object: 'list',
      model: 'reranker',
      results: ranking(documents),
      usage: { prompt_tokens: tokens, total_tokens: tokens },
      meta: { tokens: { input_tokens: tokens, output_tokens: 0 } },
    });
  });

  it('orders documents as they are ordered alone, whatever order they come in', async () => {
    for (const turn of [1, 2, 3]) {
      const turned = [...documents.slice(turn), ...documents.slice(0, turn)];
      expect((await rerank({ documents: turned })).results).toEqual(ranking(turned));
      expect((await rerank({ model: 'encoder', documents: turned })).results).toEqual(ranking(turned));
    }
  });

  it('gives as many results as are wanted, and their documents if they are', async () => {
    const best = ranking(documents);
    expect((await rerank({ top_n: 2 })).results).toEqual(best.slice(0, 2));
    expect((await rerank({ top_n: 100 })).results).toEqual(best);
    const returned = await rerank({ return_documents: true, top_n: 3 });
    expect(returned.results).toEqual(
      best.slice(0, 3).map((one) => ({ ...one, document: { text: documents[one.index] } })),
    );
  });

  it('takes documents as objects, an empty one, and two that are alike, the first of them first', async () => {
    const { results } = await rerank({ documents: [{ text: 'one' }, '', 'one', { text: '' }] });
    const order = results.map(({ index }) => index);
    expect(order.indexOf(0)).toBe(order.indexOf(2) - 1);
    expect(order.indexOf(1)).toBe(order.indexOf(3) - 1);
    expect(results.find(({ index }) => index === 3)?.relevance_score).toBe(relevance(''));
  });

  const refused: [string, object, ErrorCode, string | null][] = [
    ['no query', { query: null }, 'invalid_parameter', 'query'],
    ['an empty query', { query: '' }, 'invalid_parameter', 'query'],
    ['no documents', { documents: [] }, 'invalid_parameter', 'documents'],
    ['2049 documents', { documents: Array(2049).fill('a') }, 'invalid_parameter', 'documents'],
    ['a document that is no text', { documents: ['a', 7] }, 'invalid_parameter', 'documents[1]'],
    ['an image', { documents: [{ image: 'x' }] }, 'invalid_parameter', 'documents[0]'],
    ['no results', { top_n: 0 }, 'invalid_parameter', 'top_n'],
    [
      'a document that is too long',
      { documents: ['a', 'x'.repeat(2100)] },
      'context_length_exceeded',
      'documents[1]',
    ],
    ['a parameter of others', { max_chunks_per_doc: 10 }, 'unsupported_parameter', 'max_chunks_per_doc'],
    ['a model without a head', { model: 'headless' }, 'unsupported_by_model', null],
    ['a chat model', { model: 'chat' }, 'unsupported_by_model', 'model'],
    ['an embedding model', { model: 'embedder' }, 'unsupported_by_model', 'model'],
    ['an unknown model', { model: 'x' }, 'model_not_found', 'model'],
  ];

  it.each(refused)('refuses %s', async (_, body, code, param) => {
    const response = await server.post('/v1/rerank', { model: 'reranker', query, documents, ...body });
    expect(await response.json()).toMatchObject({ error: { code, param } });
    expect(response.status).toBe(code === 'model_not_found' ? 404 : 400);
  });

  it('shares the steps of its engine among those who ask at once', async () => {
    const engine = await server.engine('encoder');
    server.gate.hold();
    const answers = documents.map(async (text) => rerank({ model: 'encoder', documents: [text] }));
    while (engine.pendingRequests < documents.length) await new Promise((resolve) => setImmediate(resolve));
    server.gate.open();
    const found = (await Promise.all(answers)).map(({ results }) => results[0]?.relevance_score);
    expect(found).toEqual(documents.map(relevance));
    expect((await engine.inspect()).steps).toBeLessThanOrEqual(2);
  });

  it('stops when its client goes away', async () => {
    const engine = await server.engine('reranker');
    server.gate.hold();
    const leaving = new AbortController();
    const body = { model: 'reranker', query, documents: Array(200).fill('x'.repeat(100)) };
    const answer = server.post('/v1/rerank', body, leaving.signal);
    await server.gate.reached(1);
    server.gate.release(3);
    await server.gate.reached(4);
    leaving.abort();
    await expect(answer).rejects.toThrow('aborted');
    while (server.openResponses > 0) await new Promise((resolve) => setImmediate(resolve));
    server.gate.open();
    while (engine.pendingRequests > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await engine.inspect()).toMatchObject({ running: 0, waiting: 0, usedCells: 0, steps: 3 });
  });

  it('is counted in the metrics', async () => {
    await rerank();
    const metrics = parseMetrics(await (await fetch(`${server.url}/metrics`)).text());
    const labels = { model_name: 'reranker', task: 'rerank' };
    expect(valueOf(metrics, 'heddle_inputs_total', labels)).toBe(4);
    expect(valueOf(metrics, 'heddle_input_tokens_total', labels)).toBe(documents.flatMap(pair).length);
  });
});

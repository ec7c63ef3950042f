import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeServer } from '../fake-server.js';
import { answerSchemaOf, bodySchemaOf, document, problemsOf } from './document-schemas.js';

const hermes = [
  '{%- for tool in tools or [] %}{{ tool | tojson }}{%- endfor %}',
  "{%- for m in messages %}{{ '[' + m.role + ']' + m.content }}{%- endfor %}",
  "{{ '[assistant]' }}{#- <think> </think> <tool_call> #}",
].join('');
const call = '<tool_call>\n{"name": "look", "arguments": {"at": "ä"}}\n</tool_call>';
const scripted = (text: string): string =>
  `fake:?chatTemplate=${encodeURIComponent(hermes)}&scriptedText=${encodeURIComponent(text)}`;

let server: FakeServer;

beforeAll(async () => {
  server = await FakeServer.start({
    fake: 'fake:?endAfter=8',
    thinker: scripted('<think>Hm, ä.</think>Yes.'),
    caller: scripted(`Wait.${call}`),
    malformed: scripted('<tool_call>\n{"name": "look", "arguments": {"at": oops}}\n</tool_call>'),
    embedder: 'fake:?kind=embedding&pooling=last',
    reranker: 'fake:?pooling=none',
  });
});
afterAll(async () => server.stop());

const messages = [{ role: 'user', content: 'Hi' }];
const parameters = { type: 'object', properties: { at: { type: 'string' } } };
const tools = [{ type: 'function', function: { name: 'look', parameters } }];

/** What is asked, as often as there are models. */
const chats = ['thinker', 'caller', 'malformed'].flatMap(
  (model) =>
    [
      [
        '/v1/chat/completions',
        { model, messages, tools, logprobs: true, top_logprobs: 2, service_tier: 'auto' },
      ],
      ['/v1/chat/completions', { model, messages, tools, n: 2, max_tokens: 6, seed: null }],
      [
        '/v1/responses',
        { model, input: 'Hi', tools: [{ type: 'function', name: 'look', parameters }], user: 'ann' },
      ],
      ['/v1/responses', { model, input: messages, max_output_tokens: 5, metadata: { a: 'b' } }],
      [
        '/v1/messages',
        { model, messages, max_tokens: 200, tools: [{ name: 'look', input_schema: parameters }] },
      ],
      ['/v1/messages', { model, messages, max_tokens: 5, stop_sequences: ['e'] }],
      ['/api/chat', { model, messages, tools, options: { num_predict: 100 } }],
      ['/api/generate', { model, prompt: 'Hi', keep_alive: '5m' }],
    ] satisfies [string, object][],
);

const texts: readonly [string, object][] = [
  ['/v1/completions', { model: 'fake', prompt: 'Hi' }],
  ['/v1/completions', { model: 'fake', prompt: ['Hi', 'Ho'], echo: true, logprobs: 2, n: 2 }],
];

const streamed = [...chats, ...texts];

const whole: readonly [string, object][] = [
  ...streamed.map(([path, body]): [string, object] => [path, { ...body, stream: false }]),
  ['/api/chat', { model: 'fake', keep_alive: '5m' }],
  ['/api/generate', { model: 'fake' }],
  ['/v1/messages/count_tokens', { model: 'fake', messages }],
  ['/v1/embeddings', { model: 'embedder', input: ['a', 'b'] }],
  ['/v1/embeddings', { model: 'embedder', input: [1, 2], encoding_format: 'base64' }],
  ['/v1/rerank', { model: 'reranker', query: 'Hi', documents: ['a', { text: 'b' }], return_documents: true }],
  ['/v2/rerank', { model: 'reranker', query: 'Hi', documents: ['a', 'b'], top_n: 1 }],
  ['/api/embed', { model: 'embedder', input: ['a', 'b'] }],
  ['/api/embeddings', { model: 'embedder', prompt: 'a' }],
  ['/api/show', { model: 'fake' }],
  ['/v1/models/fake/load', {}],
  ['/admin/cache/probe', { model: 'fake', messages, against: { prompt: 'Hi' } }],
  ['/admin/cache/probe', { model: 'fake', prompt: 'Hi' }],
  ['/admin/cache/clear', {}],
  ['/admin/cache/verify', { model: 'fake' }],
  ['/v1/models/thinker/unload', { grace: 0 }],
];

async function answerOf(path: string, body: object): Promise<Response> {
  expect(problemsOf(bodySchemaOf('post', path), body)).toEqual([]);
  return server.post(path, body);
}

describe('an answer is as the document says', () => {
  it.each(whole)('whole: POST %s %j', async (path, body) => {
    const response = await answerOf(path, body);
    expect(response.status).toBe(200);
    const answer: unknown = await response.json();
    expect(problemsOf(answerSchemaOf('post', path, 'application/json'), answer)).toEqual([]);
  });

  it.each(streamed)('streamed: POST %s %j', async (path, body) => {
    const response = await answerOf(path, { ...body, stream: true });
    const [type = ''] = response.headers.get('content-type')?.split(';') ?? [];
    const text = await response.text();
    const lines =
      type === 'text/event-stream'
        ? [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => data)
        : text.trim().split('\n');
    const items = lines.filter((line) => line !== '[DONE]').map((line) => JSON.parse(line) as unknown);
    expect(items.length).toBeGreaterThan(2);
    const schema = answerSchemaOf('post', path, type);
    for (const item of items) expect(problemsOf(schema, item)).toEqual([]);
  });

  it.each([
    '/health',
    '/v1/models',
    '/v1/models/fake',
    '/admin/engines',
    '/admin/cache',
    '/api/tags',
    '/api/ps',
    '/api/version',
    '/openapi.json',
  ])('GET %s', async (path) => {
    await server.pool.load('fake');
    const headers: Record<string, string>[] = path.startsWith('/v1/models')
      ? [{}, { 'anthropic-version': '2023-06-01' }]
      : [{}];
    for (const one of headers) {
      const response = await fetch(server.url + path, { headers: one });
      expect(response.status).toBe(200);
      const answer: unknown = await response.json();
      expect(problemsOf(answerSchemaOf('get', path, 'application/json'), answer)).toEqual([]);
    }
  });

  it('of responses that are stored', async () => {
    const response = await answerOf('/v1/responses', {
      model: 'caller',
      input: 'Hi',
      tools: [{ type: 'function', name: 'look', parameters }],
    });
    const { id, output } = (await response.json()) as {
      id: string;
      output: { type: string; call_id?: string }[];
    };
    const callId = output.find(({ type }) => type === 'function_call')?.call_id ?? '';
    const result = { type: 'function_call_output', call_id: callId, output: 'There' };
    const next = await answerOf('/v1/responses', {
      model: 'caller',
      input: [result],
      previous_response_id: id,
    });
    const { id: last } = (await next.json()) as { id: string };
    for (const path of [`/v1/responses/${last}`, `/v1/responses/${last}/input_items`]) {
      const answer: unknown = await (await fetch(server.url + path)).json();
      expect(problemsOf(answerSchemaOf('get', path, 'application/json'), answer)).toEqual([]);
    }
    const path = `/v1/responses/${last}`;
    const deleted: unknown = await (await fetch(server.url + path, { method: 'DELETE' })).json();
    expect(problemsOf(answerSchemaOf('delete', path, 'application/json'), deleted)).toEqual([]);
  });

  it('of the metrics, and of the page', async () => {
    for (const path of ['/metrics', '/docs', '/']) {
      const answer = document.paths[path]?.['get']?.responses['200'];
      const type = (await fetch(server.url + path)).headers.get('content-type');
      expect(Object.keys(answer !== undefined && 'content' in answer ? answer.content : {})).toEqual([type]);
    }
  });
});

describe('an error is as the document says', () => {
  const wrong: readonly [string, object, number][] = [
    ['/v1/chat/completions', { model: 'fake', messages: [] }, 400],
    ['/v1/chat/completions', { model: 'nope', messages }, 404],
    ['/v1/responses', { model: 'fake', input: 'Hi', previous_response_id: 'resp_none' }, 404],
    ['/v1/responses/resp_none/cancel', {}, 404],
    ['/v1/embeddings', { model: 'fake', input: 'Hi' }, 400],
    ['/v1/messages', { model: 'fake', messages, max_tokens: 0 }, 400],
    ['/v1/messages', { model: 'nope', messages, max_tokens: 1 }, 404],
    ['/api/chat', { model: 'nope', messages }, 404],
    ['/api/pull', { model: 'nope' }, 404],
    ['/v1/models/nope/load', {}, 404],
    ['/admin/cache/probe', { model: 'fake' }, 400],
  ];

  it.each(wrong)('POST %s %j', async (path, body, status) => {
    const response = await server.post(path, body);
    expect(response.status).toBe(status);
    const pattern = path.replace(/\/(?:resp_none|nope)\//, '/{id}/');
    const told = document.paths[pattern]?.['post']?.responses[String(status)];
    const schema =
      told !== undefined && 'content' in told ? told.content['application/json']?.schema : undefined;
    expect(problemsOf(schema, await response.json())).toEqual([]);
  });
});

describe('the transcripts of Anthropic streams', () => {
  const folder = new URL('../golden/anthropic/', import.meta.url);

  it.each(readdirSync(folder))('%s is of the events of the document', (file) => {
    const lines = readFileSync(new URL(file, folder), 'utf8').trim().split('\n');
    expect(lines.length).toBeGreaterThan(2);
    const schema = answerSchemaOf('post', '/v1/messages', 'text/event-stream');
    // Ids, which are others each time, are left out of transcripts.
    for (const line of lines)
      expect(problemsOf(schema, JSON.parse(line.replace('"msg_ID"', `"msg_${'0'.repeat(24)}"`)))).toEqual([]);
  });
});

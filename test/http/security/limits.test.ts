import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { defaultRequestLimits, type RequestLimits } from '../../../src/core/access.js';
import { FakeServer } from '../fake-server.js';
import { policy } from './access.js';

let server: FakeServer;
const withTools = new URLSearchParams({
  chatTemplate: '{%- for tool in tools or [] %}{%- endfor %}Hi{#- <tool_call> #}',
  endAfter: '2',
});
let limits: RequestLimits = { ...defaultRequestLimits, bodyBytes: 2 ** 20 };

beforeAll(async () => {
  server = await FakeServer.start(
    {
      fake: 'fake:?endAfter=2',
      tools: `fake:?${withTools.toString()}`,
      slow: 'fake:?loadSteps=1000000&loadDelayMs=5',
    },
    { contextSize: 65_536 },
    { access: () => policy({ limits }) },
  );
});
beforeEach(() => (limits = { ...defaultRequestLimits, bodyBytes: 2 ** 20 }));
afterAll(async () => server.stop());

const message = { role: 'user', content: 'Hi' };
const chat = { model: 'fake', messages: [message], max_tokens: 2 };

interface Refusal {
  status: number;
  code: string;
  param: string | null;
  message: string;
}

/** Undefined when it is answered. */
async function refusalOf(body: unknown, path = '/v1/chat/completions'): Promise<Refusal | undefined> {
  const response = await server.post(path, body);
  const answer = (await response.json()) as { error?: Omit<Refusal, 'status'> };
  return answer.error === undefined ? undefined : { status: response.status, ...answer.error };
}

/** A body that is nested so deeply, the body included. */
function nested(depth: number): object {
  let value: unknown = 1;
  for (let level = 2; level < depth; level++) value = level % 2 === 0 ? [value] : { value };
  return { ...chat, chat_template_kwargs: { value } };
}

describe('a request may have no more than it is allowed of', () => {
  it('bytes', async () => {
    const text = { ...chat, cache_salt: 'x'.repeat(2 ** 20) };
    expect(await refusalOf(text)).toMatchObject({
      status: 413,
      code: 'body_too_large',
      message: 'The request body is larger than 1 MiB.',
    });
    expect(
      await refusalOf({ ...chat, messages: [{ ...message, content: 'x'.repeat(2 ** 19) }] }),
    ).toMatchObject({
      code: 'context_length_exceeded',
    });
  });

  it('bytes, also when it does not say how many it has', async () => {
    const endless = new ReadableStream({ pull: (stream) => stream.enqueue(Buffer.alloc(2 ** 16, '[1,')) });
    const response = await fetch(`${server.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: endless,
      duplex: 'half',
    });
    expect([response.status, await response.json()]).toMatchObject([
      413,
      { error: { code: 'body_too_large' } },
    ]);
  });

  it('messages', async () => {
    limits = { ...limits, messages: 3 };
    const of = (count: number): object => ({
      ...chat,
      messages: Array.from({ length: count }, () => message),
    });
    expect(await refusalOf(of(3))).toBeUndefined();
    expect(await refusalOf(of(4))).toMatchObject({
      status: 400,
      code: 'invalid_parameter',
      param: 'messages',
      message: 'A request may have 3 messages, not 4.',
    });
  });

  it('tools, however many those are', async () => {
    limits = { ...limits, tools: 600 };
    const asked = { model: 'tools', max_tokens: 2, messages: [message] };
    const named = (count: number): string[] => Array.from({ length: count }, (_, at) => `f${at}`);
    const chatTools = (count: number): object[] =>
      named(count).map((name) => ({ type: 'function', function: { name } }));
    const bodies: [string, (count: number) => object][] = [
      ['/v1/chat/completions', (count) => ({ ...asked, tools: chatTools(count) })],
      [
        '/api/chat',
        (count) => ({ model: 'tools', messages: [message], stream: false, tools: chatTools(count) }),
      ],
      [
        '/v1/messages',
        (count) => ({
          ...asked,
          tools: named(count).map((name) => ({ name, input_schema: { type: 'object' } })),
        }),
      ],
      [
        '/v1/responses',
        (count) => ({
          model: 'tools',
          max_output_tokens: 2,
          input: 'Hi',
          tools: named(count).map((name) => ({ type: 'function', name })),
          tool_choice: {
            type: 'allowed_tools',
            mode: 'auto',
            tools: named(count).map((name) => ({ type: 'function', name })),
          },
        }),
      ],
    ];
    for (const [path, of] of bodies) {
      expect((await server.post(path, of(600))).status).toBe(200);
      const refused = await server.post(path, of(601));
      expect(refused.status).toBe(400);
      expect(await refused.text()).toContain('A request may have 600 tools, not 601.');
    }
  });

  it('items of a response, those that it goes on from included, before a schema looks at each', async () => {
    limits = { ...limits, messages: 3 };
    const of = (count: number, more: object = {}): object => ({
      model: 'fake',
      input: Array.from({ length: count }, () => message),
      max_output_tokens: 2,
      ...more,
    });
    expect(await refusalOf(of(4, { input: [1, 2, 3, 4] }), '/v1/responses')).toMatchObject({
      status: 400,
      code: 'invalid_parameter',
      param: 'input',
      message: 'A request may have 3 items, not 4.',
    });
    const first = await server.post('/v1/responses', of(2));
    expect(first.status).toBe(200);
    const { id } = (await first.json()) as { id: string };
    // Two of the first, its answer, and one more.
    expect(await refusalOf(of(1, { previous_response_id: id }), '/v1/responses')).toMatchObject({
      code: 'invalid_parameter',
      param: 'input',
      message: 'A request may have 3 items, not 4.',
    });
    expect((await server.post('/v1/responses', of(3))).status).toBe(200);
  });

  it('lists and objects inside of each other, and is not parsed then', async () => {
    expect(await refusalOf(nested(64))).toBeUndefined();
    expect(await refusalOf(nested(70))).toMatchObject({ status: 400, code: 'invalid_parameter' });
    limits = { ...limits, depth: 100 };
    expect(await refusalOf(nested(70))).toBeUndefined();
    const brackets = `{"model":"fake","prompt":${'['.repeat(500_000)}`;
    expect(await refusalOf(brackets, '/v1/completions')).toMatchObject({
      code: 'invalid_parameter',
      message: 'The body has more than 100 lists and objects inside of each other.',
    });
  });

  it('stop strings, and characters of each', async () => {
    limits = { ...limits, stops: 20, stopLength: 5 };
    const stops = (count: number): string[] => Array.from({ length: count }, (_, at) => `~${at}`);
    expect(await refusalOf({ ...chat, stop: stops(20) })).toBeUndefined();
    expect(await refusalOf({ ...chat, stop: stops(21) })).toMatchObject({
      code: 'invalid_parameter',
      param: 'stop',
    });
    for (const stop of ['123456', ['12345', '123456']])
      expect(await refusalOf({ ...chat, stop })).toMatchObject({
        param: 'stop',
        message: 'A stop string may have 5 characters.',
      });
    expect(await refusalOf({ ...chat, stop: '12345' })).toBeUndefined();
  });

  it('tools', async () => {
    limits = { ...limits, tools: 1 };
    const tool = { type: 'function', function: { name: 'f', parameters: {} } };
    expect(await refusalOf({ ...chat, tools: [tool, tool] })).toMatchObject({
      code: 'invalid_parameter',
      param: 'tools',
      message: 'A request may have 1 tools, not 2.',
    });
  });

  it('patience of others: a queue that is full refuses, and says when to come again', async () => {
    const { settings } = server.pool;
    server.pool.configure({ ...settings, policy: { ...settings.policy, maxQueue: 1 } });
    const waiting = new AbortController();
    const first = server.post('/v1/completions', { model: 'slow', prompt: 'Hi' }, waiting.signal);
    const left = first.catch((error: unknown) => error);
    while (server.pool.managed('slow')?.waiting !== 1) await new Promise((resolve) => setImmediate(resolve));
    const response = await server.post('/v1/completions', { model: 'slow', prompt: 'Hi' });
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response.json()).toMatchObject({ error: { code: 'queue_full' } });
    waiting.abort();
    expect(await left).toMatchObject({ name: 'AbortError' });
    server.pool.configure(settings);
  });

  it('words: what it says is not sent back at any length', async () => {
    for (const body of [
      { ...chat, model: 'm'.repeat(500_000) },
      { ...chat, ['k'.repeat(500_000)]: 1 },
      { ...chat, messages: [{ ...message, ['k'.repeat(500_000)]: 1 }] },
    ]) {
      const response = await server.post('/v1/chat/completions', body);
      expect(response.ok).toBe(false);
      expect((await response.text()).length).toBeLessThan(10_000);
    }
  });
});

describe('a path', () => {
  it('of any length and form is answered with a code', async () => {
    for (const path of [
      '/v1/models/%',
      '/v1/models/%zz',
      `/${'x'.repeat(10_000)}`,
      '/v1/models/%00',
      '/..%2f..%2fetc',
      '//',
    ]) {
      const response = await fetch(server.url + path);
      expect(await response.json()).toMatchObject({ error: { code: expect.any(String) as unknown } });
      expect([400, 404]).toContain(response.status);
    }
  });
});

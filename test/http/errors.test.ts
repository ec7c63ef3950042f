import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCatalogue, type ErrorCode } from '../../src/core/errors.js';
import { events, FakeServer } from './fake-server.js';

interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: ErrorCode };
}

let server: FakeServer;

beforeAll(async () => {
  server = await FakeServer.start({
    fake: 'fake:?endAfter=20',
    plain: 'fake:?chatTemplate=none',
    broken: 'fake:?loadFails=model_file_truncated',
    failing: 'fake:?failAtDecode=20',
  });
});

afterAll(async () => server.stop());

const chat = { model: 'fake', messages: [{ role: 'user', content: 'Hi' }] };

const tool = (name: string): object => ({ type: 'function', function: { name } });
const strictTool = (properties: object): object => ({
  type: 'function',
  function: { name: 'held', strict: true, parameters: { type: 'object', properties } },
});

describe('bad input', () => {
  const cases: [string, string, unknown, ErrorCode, string | null][] = [
    ['malformed JSON', '/v1/chat/completions', '{"model": ', 'invalid_json', null],
    ['an empty body', '/v1/chat/completions', '', 'invalid_json', null],
    ['a body that is a list', '/v1/chat/completions', [1], 'invalid_parameter', null],
    ['no model', '/v1/chat/completions', { messages: chat.messages }, 'invalid_parameter', 'model'],
    ['an unknown model', '/v1/chat/completions', { ...chat, model: 'x' }, 'model_not_found', 'model'],
    ['no messages', '/v1/chat/completions', { model: 'fake' }, 'invalid_parameter', 'messages'],
    ['empty messages', '/v1/chat/completions', { ...chat, messages: [] }, 'invalid_parameter', 'messages'],
    [
      'an unknown role',
      '/v1/chat/completions',
      { ...chat, messages: [{ role: 'bob', content: 'Hi' }] },
      'invalid_parameter',
      'messages[0].role',
    ],
    [
      'an image',
      '/v1/chat/completions',
      { ...chat, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      'invalid_parameter',
      'messages[0].content',
    ],
    [
      'an unknown field in a message',
      '/v1/chat/completions',
      { ...chat, messages: [{ role: 'user', content: 'Hi', mood: 'good' }] },
      'unsupported_parameter',
      'messages[0].mood',
    ],
    [
      'a tool without a function',
      '/v1/chat/completions',
      { ...chat, tools: [{ type: 'function' }] },
      'invalid_parameter',
      'tools[0].function',
    ],
    [
      'a tool of another kind',
      '/v1/chat/completions',
      { ...chat, tools: [{ type: 'custom', custom: { name: 'f' } }] },
      'invalid_parameter',
      'tools[0].type',
    ],
    [
      'a tool whose schema can not be enforced as it asks for',
      '/v1/chat/completions',
      { ...chat, tools: [tool('f'), strictTool({ a: { type: 'number', multipleOf: 2 } })] },
      'unsupported_schema',
      'tools[1].function.parameters.properties.a.multipleOf',
    ],
    [
      'two tools of one name',
      '/v1/chat/completions',
      { ...chat, tools: [tool('f'), tool('g'), tool('f')] },
      'invalid_parameter',
      'tools[2].function.name',
    ],
    [
      'a call that is demanded without tools',
      '/v1/chat/completions',
      { ...chat, tool_choice: 'required' },
      'invalid_parameter',
      'tool_choice',
    ],
    [
      'a call of a tool that there is not',
      '/v1/chat/completions',
      { ...chat, tools: [tool('f')], tool_choice: { type: 'function', function: { name: 'g' } } },
      'invalid_parameter',
      'tool_choice.function.name',
    ],
    [
      'a tool that is allowed, and that there is not',
      '/v1/chat/completions',
      {
        ...chat,
        tools: [tool('f')],
        tool_choice: {
          type: 'allowed_tools',
          allowed_tools: { mode: 'required', tools: [tool('f'), tool('g')] },
        },
      },
      'invalid_parameter',
      'tool_choice.allowed_tools.tools[1].function.name',
    ],
    [
      'tools for a model that knows none',
      '/v1/chat/completions',
      { ...chat, tools: [tool('f')] },
      'unsupported_by_model',
      'tools',
    ],
    [
      'an effort for a model that does not reason',
      '/v1/chat/completions',
      { ...chat, reasoning_effort: 'high' },
      'unsupported_by_model',
      'reasoning_effort',
    ],
    [
      'a switch for reasoning that the model does not have',
      '/v1/chat/completions',
      { ...chat, chat_template_kwargs: { enable_thinking: true } },
      'unsupported_by_model',
      'chat_template_kwargs.enable_thinking',
    ],
    [
      'a limit to reasoning that is not marked',
      '/v1/chat/completions',
      { ...chat, thinking_budget: 10 },
      'unsupported_by_model',
      'thinking_budget',
    ],
    [
      'something nested very deeply',
      '/v1/chat/completions',
      `{"model":"fake","messages":[],"functions":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
      'invalid_parameter',
      null,
    ],
    [
      'more choices than slots',
      '/v1/completions',
      { model: 'fake', prompt: 'Hi', n: 5 },
      'invalid_parameter',
      'n',
    ],
    [
      'a priority that is none',
      '/v1/completions',
      { model: 'fake', prompt: 'Hi', priority: 'urgent' },
      'invalid_parameter',
      'priority',
    ],
    [
      'a service tier that is none',
      '/v1/chat/completions',
      { ...chat, service_tier: 'scale' },
      'invalid_parameter',
      'service_tier',
    ],
    ['n too large', '/v1/chat/completions', { ...chat, n: 129 }, 'invalid_parameter', 'n'],
    ['a stop that is empty', '/v1/chat/completions', { ...chat, stop: '' }, 'invalid_parameter', 'stop'],
    ['an empty prompt', '/v1/completions', { model: 'fake', prompt: [] }, 'invalid_parameter', 'prompt'],
    [
      'a token too large',
      '/v1/completions',
      { model: 'fake', prompt: [1, 999_999] },
      'invalid_parameter',
      null,
    ],
    [
      'a prompt longer than the context',
      '/v1/completions',
      { model: 'fake', prompt: 'x'.repeat(2048) },
      'context_length_exceeded',
      null,
    ],
    [
      'a model without a chat template',
      '/v1/chat/completions',
      { ...chat, model: 'plain' },
      'chat_template_missing',
      null,
    ],
    [
      'a model that does not load',
      '/v1/chat/completions',
      { ...chat, model: 'broken' },
      'model_file_truncated',
      null,
    ],
  ];

  it.each(cases)('%s is refused with its code, status and parameter', async (_, path, body, code, param) => {
    const response = await server.post(path, body);
    const { error } = (await response.json()) as ErrorBody;
    expect(error).toMatchObject({ code, param, type: errorCatalogue[code].type });
    expect(response.status).toBe(errorCatalogue[code].status);
    expect(response.headers.get('x-should-retry')).toBe(String(errorCatalogue[code].retryable));
    expect(error.message.length).toBeGreaterThan(10);
  });

  it('of another method, type, size or path has codes too', async () => {
    const answers: [Response, ErrorCode][] = [
      [await fetch(`${server.url}/v1/%zz`), 'invalid_parameter'],
      [await fetch(`${server.url}/v1/models/${'x'.repeat(500)}`), 'model_not_found'],
      [await fetch(`${server.url}/v1/chat/completions`), 'method_not_allowed'],
      [await fetch(`${server.url}/health`, { method: 'DELETE' }), 'method_not_allowed'],
      [await fetch(`${server.url}/v1/models/x/load`, { method: 'PUT' }), 'method_not_allowed'],
      [await fetch(`${server.url}/v1/models/x/other`, { method: 'POST' }), 'route_not_found'],
      [await fetch(`${server.url}/v2`), 'route_not_found'],
      [await fetch(`${server.url}/v1/models/x`), 'model_not_found'],
      [await fetch(`${server.url}/v1/completions`, { method: 'POST', body: 'x' }), 'unsupported_media_type'],
      [await server.post('/v1/completions', { prompt: 'x'.repeat(17 * 1024 * 1024) }), 'body_too_large'],
    ];
    for (const [response, code] of answers) {
      expect(await response.json()).toMatchObject({ error: { code } });
      expect(response.status).toBe(errorCatalogue[code].status);
    }
  });

  it('whatever it is, is answered with a code of the catalogue, and the server serves on', async () => {
    const fields = [
      'model',
      'messages',
      'prompt',
      'temperature',
      'stop',
      'n',
      'stream',
      'seed',
      'logit_bias',
      'max_tokens',
    ];
    const body = fc.oneof(
      fc.json(),
      fc
        .dictionary(fc.constantFrom(...fields), fc.oneof(fc.jsonValue(), fc.constant('fake')))
        .map((value) => JSON.stringify(value)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('/v1/chat/completions', '/v1/completions'),
        body,
        async (path, text) => {
          const response = await server.post(path, text);
          const answer = await response.text();
          if (response.status === 200) return;
          const { error } = JSON.parse(answer) as ErrorBody;
          expect(errorCatalogue[error.code].status).toBe(response.status);
          expect(response.status).toBeLessThan(500);
        },
      ),
      { numRuns: 1000 },
    );
    expect((await server.post('/v1/chat/completions', chat)).status).toBe(200);
  });
});

describe('a failure after the first token', () => {
  it('of the library is the last event of the stream, and the engine serves on', async () => {
    const request = {
      model: 'failing',
      prompt: 'Hi',
      stream: true,
      max_tokens: 50,
      ignore_eos: true,
      temperature: 0,
    };
    const received: string[] = [];
    for await (const event of events(await server.post('/v1/completions', request))) received.push(event);
    expect(received.length).toBeGreaterThan(1);
    expect(JSON.parse(received.at(-1) ?? '')).toMatchObject({ error: { code: 'native_call_failed' } });
    const again = await server.post('/v1/completions', { ...request, stream: false });
    expect(again.status).toBe(200);
  });

  it('of the whole engine ends its streams, and the next request loads the model again', async () => {
    const request = { model: 'fake', prompt: 'Hi', stream: true, max_tokens: 50, ignore_eos: true };
    await server.engine('fake');
    server.gate.hold();
    const response = await server.post('/v1/completions', request);
    const engines = server.transports.length;
    server.transports.find((transport) => transport.running && transport.gate.step > 0)?.crash();
    for (const transport of server.transports) if (transport.running) transport.crash();
    server.gate.open();
    const received: string[] = [];
    for await (const event of events(response)) received.push(event);
    expect(JSON.parse(received.at(-1) ?? '')).toMatchObject({ error: { code: 'engine_crashed' } });
    expect((await server.post('/v1/completions', { ...request, stream: false })).status).toBe(200);
    expect(server.transports).toHaveLength(engines + 1);
  });
});

describe('a client that does not read', () => {
  it('while its stream fails harms nobody', async () => {
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown): void => void rejections.push(reason);
    process.on('unhandledRejection', onRejection);
    const unread = await FakeServer.start({ fake: 'fake:?' }, { contextSize: 65_536, slots: 4 });
    const { port } = new URL(unread.url);
    const body = JSON.stringify({
      model: 'fake',
      prompt: 'Hi',
      stream: true,
      n: 4,
      max_tokens: 10_000,
      ignore_eos: true,
    });
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(
      `POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    socket.pause();
    const engine = await unread.engine('fake');
    while (engine.pendingRequests === 0) await new Promise((resolve) => setImmediate(resolve));
    while ((await engine.inspect()).steps < 3000) await new Promise((resolve) => setTimeout(resolve, 10));
    unread.transports[0]?.crash();
    await engine.exited;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(
      (await unread.post('/v1/completions', { model: 'fake', prompt: 'Hi', max_tokens: 3 })).status,
    ).toBe(200);
    socket.destroy();
    await unread.stop();
    process.off('unhandledRejection', onRejection);
    expect(rejections).toEqual([]);
  });
});

describe('a pool that is closing', () => {
  it('takes no new requests, and ends when the running ones have', async () => {
    const draining = await FakeServer.start({ fake: 'fake:?' });
    draining.gate.hold();
    const running = draining.post('/v1/completions', {
      model: 'fake',
      prompt: 'Hi',
      max_tokens: 5,
      ignore_eos: true,
    });
    await draining.gate.reached(1);
    const drained = draining.pool.close(60_000);
    const refused = await draining.post('/v1/completions', { model: 'fake', prompt: 'Hi' });
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({ error: { code: 'server_shutting_down' } });
    draining.gate.open();
    expect((await running).status).toBe(200);
    await drained;
    await draining.stop();
  });
});

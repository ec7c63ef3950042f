import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeServer } from '../fake-server.js';
import { apiKey, bearer, policy } from './access.js';

const key = 'sk-SECRETKEY-0123456789';
const secret = 'SECRETPROMPT';
let server: FakeServer;
let logged = '';

beforeAll(async () => {
  const lines = new Writable({
    write(chunk: Buffer, _, done) {
      logged += chunk.toString();
      done();
    },
  });
  const called = '<tool_call>{"name": "SECRETTOOL", "arguments": {"a": "SECRET"}}</tool_call>';
  const models = {
    unoffered: scripted('{#- <tool_call> #}', called),
    malformed: scripted('{#- <tool_call> #}', called.replace('"SECRET"', 'SECRET')),
    unreadable: scripted('{#- <tool_call> #}', '<tool_call>SECRET</tool_call>'),
    receiver: scripted(
      '{#- <|channel|> <|message|> #}',
      '<|channel|>commentary to=SECRETRECEIVER<|message|>{"a": "SECRET"}<|end|>',
    ),
    fake: `fake:?scriptedText=SECRETANSWER`,
    failing: 'fake:?failAtDecode=2',
    broken: 'fake:?loadFails=model_file_truncated',
    plain: 'fake:?chatTemplate=none',
    embedder: 'fake:?kind=embedding&pooling=last',
  };
  const log = pino({ level: 'trace' }, lines);
  server = await FakeServer.start(models, {}, { log, access: () => policy({ keys: [apiKey(key)] }) });
});
afterAll(async () => server.stop());

function scripted(marks: string, text: string): string {
  const chatTemplate = `{%- for tool in tools or [] %}{{ tool | tojson }}{%- endfor %}{%- for m in messages %}{{ m.content }}{%- endfor %}${marks}`;
  return `fake:?${new URLSearchParams({ chatTemplate, scriptedText: text }).toString()}`;
}

const message = { role: 'user', content: secret };

async function post(
  path: string,
  body: unknown,
  headers: Record<string, string> = bearer(key),
): Promise<string> {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return response.text();
}

describe('logs, at every level', () => {
  it('hold no prompt, no answer and no key, whatever becomes of a request', async () => {
    const chat = { model: 'fake', messages: [{ role: 'system', content: secret }, message] };
    const text = { model: 'fake', prompt: secret };
    const bodies: [string, unknown][] = [
      ['/v1/chat/completions', chat],
      ['/v1/chat/completions', { ...chat, stream: true, stop: [secret], cache_salt: secret }],
      ['/v1/completions', text],
      ['/v1/completions', { ...text, model: 'failing', stream: true, max_tokens: 9, ignore_eos: true }],
      ['/v1/completions', { ...text, model: 'failing', max_tokens: 9, ignore_eos: true }],
      ['/v1/completions', { ...text, model: 'broken' }],
      ['/v1/completions', { ...text, model: 'nope' }],
      ['/v1/completions', { ...text, prompt: secret.repeat(1000) }],
      ['/v1/completions', { ...text, temperature: secret }],
      ['/v1/completions', { ...text, stop: secret.repeat(1000) }],
      ['/v1/completions', { ...text, frobnicate: secret }],
      ['/v1/completions', { ...text, logit_bias: { 1: secret } }],
      ['/v1/chat/completions', { ...chat, model: 'plain' }],
      ['/v1/chat/completions', { ...chat, messages: [{ role: secret, content: secret }] }],
      ['/v1/chat/completions', { ...chat, messages: secret }],
      ['/v1/chat/completions', { ...chat, chat_template_kwargs: { messages: secret, x: { y: secret } } }],
      ['/v1/chat/completions', { ...chat, tools: [{ type: 'function', function: { description: secret } }] }],
      ['/v1/chat/completions', `{"model":"fake","messages":[{"role":"user","content":"${secret}`],
      ['/v1/chat/completions', secret],
      ['/v1/chat/completions', `{"__proto__":"${secret}"}`],
      ['/v1/chat/completions', `${'['.repeat(100)}"${secret}"`],
      ['/admin/cache/probe', { model: 'fake', messages: [message], against: { prompt: secret } }],
      ['/v1/models/fake/unload', { grace: secret }],
      ['/v1/responses', { model: 'fake', input: secret, instructions: secret, metadata: { a: secret } }],
      ['/v1/responses', { model: 'fake', input: secret, stream: true, prompt_cache_key: secret }],
      ['/v1/responses', { model: 'failing', input: [message], max_output_tokens: 9 }],
      ['/v1/responses', { model: 'fake', input: [{ type: secret }] }],
      ['/v1/messages', { ...chat, messages: [message], system: secret, max_tokens: 9 }],
      ['/v1/messages', { ...chat, messages: [message], max_tokens: 9, stream: true, frobnicate: secret }],
      ['/v1/messages', { model: 'failing', messages: [message], max_tokens: 9, stream: true }],
      ['/v1/messages/count_tokens', { model: 'fake', messages: [message] }],
      ['/v1/embeddings', { model: 'fake', input: secret }],
      ['/v1/embeddings', { model: 'embedder', input: [secret, secret] }],
      ['/v1/rerank', { model: 'fake', query: secret, documents: [secret] }],
      ['/api/chat', { model: 'fake', messages: [message] }],
      ['/api/chat', { model: 'failing', messages: [message], options: { stop: [secret], num_predict: 9 } }],
      ['/api/generate', { model: 'fake', prompt: secret, system: secret, format: secret }],
      ['/api/generate', { model: 'fake', prompt: secret, system: secret }],
      ['/api/embed', { model: 'embedder', input: [secret], keep_alive: secret }],
      ['/api/embed', { model: 'embedder', input: [secret] }],
    ];
    for (const [path, body] of bodies) await post(path, body);
    for (const headers of [{ 'x-api-key': key }, bearer(`${key}x`), { authorization: `Basic ${key}` }, {}])
      await post('/v1/completions', text, headers);
    await fetch(`${server.url}/v1/models?api_key=${key}&prompt=${secret}`, { headers: bearer(key) });
    await fetch(`${server.url}/nothing?key=${key}`, { headers: { ...bearer(key), cookie: key } });
    expect(logged.split('\n').length).toBeGreaterThan(20);
    expect(logged).toContain('"completion"');
    expect(logged).toContain('invalid_api_key');
    expect(logged).not.toContain('SECRET');
  });

  it('say that an output is not as its format asks, and nothing of what it is', async () => {
    const tool = { type: 'function', function: { name: 'SECRETOFFER' } };
    for (const [model, code] of [
      ['unoffered', 'unoffered_tool'],
      ['malformed', 'malformed_call'],
      ['unreadable', 'unreadable_call'],
      ['receiver', 'unknown_receiver'],
    ])
      for (const stream of [false, true]) {
        logged = '';
        const answer = await post('/v1/chat/completions', {
          model,
          messages: [message],
          tools: [tool],
          stream,
        });
        expect(answer).toContain('"warnings":[');
        expect(logged).not.toContain('SECRET');
        const lines = logged
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Record<string, unknown>);
        expect(lines.filter(({ level }) => level === 40)).toContainEqual(
          expect.objectContaining({ model, warning: code }),
        );
      }
  });

  it('say who was refused by the name of the key', async () => {
    await post('/v1/completions', { model: 'nope', prompt: 'Hi' });
    const lines = logged.trim().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
      key: 'a name',
      code: 'model_not_found',
      path: '/v1/completions',
      id: expect.stringMatching(/^req_[0-9a-f]{32}$/) as string,
    });
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import { FakeServer } from './fake-server.js';
import { generateAnswer, generateLine, residenceAnswer } from '../../src/http/openapi/answers/ollama.js';
import { transcript } from './ollama-lines.js';

const template =
  "{%- for m in messages %}{{ '[' + m.role + ']' + m.content }}{%- endfor %}{{ '[assistant]' }}{#- <think> </think> #}";
const scripts = [
  ['[system]Be terse.[user]Hi[assistant]', 'Terse.'],
  ['[user]Hi[assistant]', '<think>\nHm.\n</think>\n\nHello.'],
  ['Once upon', ' a time. <think>Hm.</think>'],
];

let server: FakeServer;
afterEach(async () => server.stop());

async function start(chatTemplate = template): Promise<void> {
  const query = new URLSearchParams({ chatTemplate, scripts: JSON.stringify(scripts) });
  server = await FakeServer.start({ fake: `fake:?${query.toString()}` }, { batchSize: 1024 });
}

async function post(body: object): Promise<Response> {
  return server.post('/api/generate', { model: 'fake', ...body });
}

async function ask(body: object): Promise<(typeof generateAnswer)['_output']> {
  const response = await post({ stream: false, ...body });
  const answer: unknown = await response.json();
  expect(response.status).toBe(200);
  return generateAnswer.parse(answer);
}

async function reside(body: object): Promise<string> {
  return residenceAnswer.parse(await (await post(body)).json()).done_reason;
}

async function loaded(): Promise<Record<string, unknown>[]> {
  const response = await fetch(`${server.url}/api/ps`);
  return ((await response.json()) as { models: Record<string, unknown>[] }).models;
}

describe('a prompt', () => {
  it('is a chat of one message, with its system prompt', async () => {
    await start();
    expect(await ask({ prompt: 'Hi' })).toMatchObject({ response: 'Hello.', thinking: 'Hm.' });
    expect(await ask({ prompt: 'Hi', system: 'Be terse.' })).toMatchObject({ response: 'Terse.' });
  });

  it('is streamed where nothing is said', async () => {
    await start();
    const all = await transcript(await post({ prompt: 'Hi' }), generateLine);
    expect(all.map(({ response }) => response).join('')).toBe('Hello.');
    expect(all.map(({ thinking = '' }) => thinking).join('')).toBe('Hm.');
    expect(all.at(-1)).toMatchObject({ done: true, done_reason: 'stop' });
  });

  it('that is raw is gone on with as it is', async () => {
    await start();
    const { response } = await ask({ prompt: 'Once upon', raw: true });
    expect(response).toBe(' a time. <think>Hm.</think>');
  });

  it('of a model without a template is gone on with too', async () => {
    await start('none');
    expect((await ask({ prompt: 'Once upon' })).response).toContain(' a time.');
    const refused = await post({ prompt: 'Once upon', system: 'Be terse.' });
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      { error: expect.stringContaining('no chat template') as string },
    ]);
  });

  it.each([
    [{ suffix: ' end' }, '"suffix"'],
    [{ context: [1, 2] }, '"context"'],
    [{ template: '{{ .Prompt }}' }, '"template"'],
    [{ images: ['aGk='] }, 'images are not supported'],
    [{ raw: true, system: 'Be terse.' }, '"system"'],
    [{ raw: true, think: true }, '"think"'],
  ])('with %j is refused', async (body, message) => {
    await start();
    const response = await post({ prompt: 'Hi', ...body });
    expect([response.status, await response.json()]).toEqual([
      400,
      { error: expect.stringContaining(message) as string },
    ]);
  });
});

describe('without a prompt', () => {
  it('a model is loaded, for as long as is said', async () => {
    await start();
    const before = Date.now();
    expect(await reside({ keep_alive: '10m' })).toBe('load');
    const [model] = await loaded();
    expect(model).toMatchObject({ name: 'fake', model: 'fake', size_vram: 0, context_length: 2048 });
    const expiry = Date.parse(String(model?.['expires_at']));
    expect(expiry).toBeGreaterThanOrEqual(before + 600_000);
    expect(expiry).toBeLessThanOrEqual(Date.now() + 600_000);
  });

  it('a model stays for ever where the time is negative, and until then where nothing is said', async () => {
    await start();
    expect(await reside({ keep_alive: 60 })).toBe('load');
    expect(await reside({})).toBe('load');
    expect(Date.parse(String((await loaded())[0]?.['expires_at']))).toBeLessThan(Date.now() + 61_000);
    expect(await reside({ keep_alive: -1 })).toBe('load');
    const years = (Date.parse(String((await loaded())[0]?.['expires_at'])) - Date.now()) / 31_557_600_000;
    expect(years).toBeGreaterThan(290);
  });

  it('a model is unloaded', async () => {
    await start();
    await reside({});
    expect(await reside({ keep_alive: 0 })).toBe('unload');
    expect(await loaded()).toEqual([]);
    expect(await reside({ keep_alive: 0 })).toBe('unload');
    const missing = await post({ model: 'nope', keep_alive: 0 });
    expect(missing.status).toBe(404);
  });

  it('a model is not unloaded while it answers', async () => {
    await start();
    server.gate.hold();
    const answer = ask({ prompt: 'Hi' });
    while (server.pool.pendingRequests === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await reside({ keep_alive: 0 })).toBe('unload');
    expect(await loaded()).toHaveLength(1);
    server.gate.open();
    expect((await answer).response).toBe('Hello.');
    while ((await loaded()).length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  });
});

it('a request with keep_alive 0 is the last one of its engine', async () => {
  await start();
  expect(await ask({ prompt: 'Hi', keep_alive: 0 })).toMatchObject({ response: 'Hello.' });
  while (server.pool.stateOf('fake') !== 'unloaded') await new Promise((resolve) => setTimeout(resolve, 1));
});

import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { defaultStableRules } from '../../src/core/stable-rules.js';
import type { GenerateRequest } from '../../src/core/generation.js';
import type { EngineCommand } from '../../src/engine/protocol.js';
import { InMemoryTransport } from '../../src/testing/in-memory-transport.js';
import { parseMetrics, valueOf } from '../../src/testing/metrics-text.js';
import { FakeServer } from './fake-server.js';

/** An engine that remembers what it was asked. */
class WatchedTransport extends InMemoryTransport {
  readonly requests: GenerateRequest[] = [];

  override post(command: EngineCommand): void {
    if (command.type === 'generate') this.requests.push(command.request);
    super.post(command);
  }
}

let server: FakeServer;
let client: OpenAI;
let transport: WatchedTransport;

const fakeModels = { fake: 'fake:?endAfter=3' };
const clientOf = ({ url }: FakeServer): OpenAI =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });

async function start(): Promise<void> {
  server = await FakeServer.start(
    fakeModels,
    { slots: 8 },
    {
      makeTransport: (parts) => (transport = new WatchedTransport(parts)),
    },
  );
  client = clientOf(server);
}

afterEach(async () => server.stop());

const messages = [{ role: 'user' as const, content: 'What is the capital of Japan?' }];

describe('tokens that an engine took over', () => {
  it('are in the usage of a chat, whole and streamed', async () => {
    await start();
    const ask = async () => (await client.chat.completions.create({ model: 'fake', messages })).usage;
    const first = await ask();
    const prompt = first?.prompt_tokens ?? NaN;
    expect(prompt).toBeGreaterThan(messages[0]?.content.length ?? NaN);
    expect(first?.prompt_tokens_details).toEqual({ cached_tokens: 0 });
    const second = await ask();
    expect(second?.prompt_tokens_details).toEqual({ cached_tokens: prompt - 1 });

    const stream = await client.chat.completions.create({
      model: 'fake',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    let last: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) last = chunk.usage;
    expect(last).toEqual(second);
  });

  it('are added up over the prompts of a completion, and counted once for all choices of one', async () => {
    await start();
    const prompt = ['a', 'bb bb'];
    const tokens = prompt.reduce((sum, { length }) => sum + length + 1, 0);
    await client.completions.create({ model: 'fake', prompt, n: 2 });
    const { usage } = await client.completions.create({ model: 'fake', prompt, n: 2 });
    expect(usage).toMatchObject({
      prompt_tokens: tokens,
      prompt_tokens_details: { cached_tokens: tokens - prompt.length },
    });
  });

  it('are in the metrics; those of requests without the cache are not looked for', async () => {
    await start();
    const ask = async () => client.completions.create({ model: 'fake', prompt: 'once upon a time' });
    const prompt = (await ask()).usage?.prompt_tokens ?? NaN;
    const values = async (): Promise<(number | undefined)[]> => {
      const metrics = parseMetrics(await (await fetch(`${server.url}/metrics`)).text());
      const names = ['prompt_tokens', 'prompt_tokens_cached', 'prefix_cache_queries', 'prefix_cache_hits'];
      return names.map((name) => valueOf(metrics, `vllm:${name}_total`, { model_name: 'fake' }));
    };
    expect(await values()).toEqual([prompt, 0, prompt, 0]);
    await ask();
    expect(await values()).toEqual([2 * prompt, prompt - 1, 2 * prompt, prompt - 1]);
    await server.post('/v1/completions', { model: 'fake', prompt: 'once upon a time', cache_prompt: false });
    expect((await values()).slice(2)).toEqual([2 * prompt, prompt - 1]);
  });

  it('are none of prompts with another salt', async () => {
    await start();
    const ask = async (salt: string): Promise<unknown> => {
      const body = { model: 'fake', messages, cache_salt: salt };
      const { usage } = (await (
        await server.post('/v1/chat/completions', body)
      ).json()) as OpenAI.ChatCompletion;
      return usage?.prompt_tokens_details?.cached_tokens;
    };
    expect(await ask('mine')).toBe(0);
    expect(await ask('yours')).toBe(0);
    expect(await ask('mine')).toBeGreaterThan(10);
  });
});

describe.each([
  ['/v1/chat/completions', { messages }],
  ['/v1/completions', { prompt: 'once' }],
])('%s', (path, prompt) => {
  it('hands salt and bypass over to the engine', async () => {
    await start();
    const ask = async (body: object): Promise<number> =>
      (await server.post(path, { model: 'fake', ...prompt, ...body })).status;
    expect(await ask({})).toBe(200);
    expect(await ask({ cache_salt: 'tenant 7', cache_prompt: false })).toBe(200);
    expect(await ask({ cache_salt: null, cache_prompt: null })).toBe(200);
    expect(await ask({ cache_salt: 's'.repeat(1024), cache_prompt: true })).toBe(200);
    expect(transport.requests.map(({ cache }) => cache)).toEqual([
      { salt: '', use: true },
      { salt: 'tenant 7', use: false },
      { salt: '', use: true },
      { salt: 's'.repeat(1024), use: true },
    ]);
  });

  it.each([
    [{ cache_salt: '' }, 'cache_salt'],
    [{ cache_salt: 's'.repeat(1025) }, 'cache_salt'],
    [{ cache_salt: 7 }, 'cache_salt'],
    [{ cache_prompt: 'no' }, 'cache_prompt'],
  ])('refuses %j', async (body, param) => {
    await start();
    const response = await server.post(path, { model: 'fake', ...prompt, ...body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_parameter', param } });
  });
});

describe('stable prompts', () => {
  const asked = (hash: string) => ({
    model: 'fake',
    messages: [
      {
        role: 'system',
        content: [
          {
            type: 'text',
            text: `x-anthropic-billing-header: cc_version=2.1.177.01c; cc_entrypoint=cli; cch=${hash};`,
          },
          { type: 'text', text: 'You are Claude Code.' },
        ],
      },
      { role: 'user', content: 'Hello' },
    ],
  });
  const promptsSent = (): unknown[] => transport.requests.map(({ prompt }) => prompt);

  it('are what the engine is asked for; settings that are read again hold at once', async () => {
    await start();
    await server.post('/v1/chat/completions', asked('36ee5'));
    await server.post('/v1/chat/completions', asked('0aaa9'));
    const text = '[system] You are Claude Code.\n[user] Hello\n[assistant] ';
    expect(promptsSent()).toMatchObject([{ text }, { text }]);

    const { settings } = server.pool;
    server.pool.configure({
      ...settings,
      models: { fake: { stablePrompts: { ...defaultStableRules, billing_header: false } } },
      aliases: { claude: 'fake' },
    });
    await server.post('/v1/chat/completions', { ...asked('36ee5'), model: 'claude' });
    expect(promptsSent()[2]).toMatchObject({ text: expect.stringContaining('cch=36ee5;\n') as string });
  });

  it('leave the text of completions alone', async () => {
    await start();
    const prompt = 'x-anthropic-billing-header: cc_version=1; cch=36ee5;\nHello';
    await server.post('/v1/completions', { model: 'fake', prompt });
    expect(promptsSent()).toMatchObject([{ text: prompt }]);
  });
});

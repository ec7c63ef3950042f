import type OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeServer } from './fake-server.js';

const MiB = 2 ** 20;
const model = (query: string): string => `fake:?endAfter=3&bytes=${8 * MiB}&cacheBytes=${4 * MiB}&${query}`;

let server: FakeServer;

afterEach(async () => server.stop());

const system = { role: 'system', content: 'You are a weaver, and you answer briefly. '.repeat(12) };

/** The tokens of each chat's prompt that were taken over, one chat after the other. */
async function cachedTokens(questions: readonly string[]): Promise<(number | undefined)[]> {
  const cached: (number | undefined)[] = [];
  for (const content of questions) {
    const body = { model: 'fake', messages: [system, { role: 'user', content }] };
    const response = await server.post('/v1/chat/completions', body);
    const { usage } = (await response.json()) as OpenAI.ChatCompletion;
    cached.push(usage?.prompt_tokens_details?.cached_tokens);
  }
  return cached;
}

describe.each(['canCut=false', 'canCut=false&memory=state'])('chats with %s', (query) => {
  it('take over the system prompt of the first one', async () => {
    server = await FakeServer.start({ fake: model(query) }, { slots: 2 });
    const questions = ['What is a loom?', 'Who wove this, and when?', 'And what is a heddle?'];
    const [first, second, third] = await cachedTokens(questions);
    expect(first).toBe(0);
    expect(second).toBeGreaterThan(system.content.length - 64);
    expect(second).toBe(third);
    expect((second ?? NaN) % 64).toBe(0);
  });
});

import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess } from './server-process.js';

let server: ServerProcess;
let client: OpenAI;

beforeAll(async () => {
  server = await ServerProcess.start();
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

const messages = [{ role: 'user' as const, content: 'What is the capital of Japan?' }];

describe('the official client', () => {
  it('reads the log-probabilities of a chat, streamed and whole', async () => {
    const body = { model: 'starter', messages, temperature: 0, logprobs: true, top_logprobs: 3 };
    const { choices, system_fingerprint } = await client.chat.completions.create(body);
    const content = choices[0]?.logprobs?.content ?? [];
    expect(content.map(({ token }) => token).join('')).toBe(choices[0]?.message.content);
    for (const { token, logprob, top_logprobs } of content) {
      expect(top_logprobs).toHaveLength(3);
      expect(top_logprobs[0]).toMatchObject({ token, logprob });
    }
    const streamed: string[] = [];
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) {
      expect(chunk.system_fingerprint).toBe(system_fingerprint);
      streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []).map(({ token }) => token));
    }
    expect(streamed).toEqual(content.map(({ token }) => token));
  });

  it('scores a prompt with echo and nothing to generate', async () => {
    const likely = async (prompt: string): Promise<number> => {
      const { choices, usage } = await client.completions.create({
        model: 'starter',
        prompt,
        echo: true,
        max_tokens: 0,
        logprobs: 1,
      });
      expect(choices[0]?.text).toBe(prompt);
      expect(usage?.completion_tokens).toBe(0);
      const logs: (number | null)[] = choices[0]?.logprobs?.token_logprobs ?? [];
      expect(logs).toHaveLength(usage?.prompt_tokens ?? 0);
      expect(logs[0]).toBeNull();
      return logs.slice(1).reduce<number>((sum, log) => sum + (log ?? NaN), 0) / (logs.length - 1);
    };
    const chat = (answer: string): string =>
      `<|im_start|>user\nWhat is the capital of Japan?<|im_end|>\n<|im_start|>assistant\n${answer}`;
    expect(await likely(chat('The capital of Japan is Tokyo.'))).toBeGreaterThan(
      await likely(chat('Green the of capital is seven.')),
    );
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeServer } from '../fake-server.js';
import { documented } from '../openapi/documented.js';
import { chatCompletionSchema, textCompletionSchema } from './openai-schemas.js';
import { chatTranscript, textTranscript } from './transcript.js';

const script = 'Tokens leave as they are made, ä and € included.';
let server: FakeServer;

beforeAll(async () => {
  const said = encodeURIComponent(script);
  server = documented(
    await FakeServer.start({ fake: 'fake:?endAfter=30', scripted: `fake:?scriptedText=${said}` }),
  );
});

afterAll(async () => server.stop());

/** Every way to ask that changes what comes, in all combinations. */
const variants = [1, 3].flatMap((n) =>
  [true, false].flatMap((includeUsage) =>
    [undefined, 0, 4].flatMap((top) =>
      [{ max_tokens: 12 }, { stop: ['e'] }, {}].map((limit) => ({ n, includeUsage, top, limit })),
    ),
  ),
);

describe('chat completions', () => {
  const ask = (variant: (typeof variants)[number], stream: boolean): object => ({
    model: 'fake',
    messages: [{ role: 'user', content: 'Hi' }],
    seed: 7,
    n: variant.n,
    stream,
    service_tier: 'auto',
    ...(variant.top === undefined ? {} : { logprobs: true, top_logprobs: variant.top }),
    ...(stream && variant.includeUsage ? { stream_options: { include_usage: true } } : {}),
    ...variant.limit,
  });

  test.each(variants)('streamed and whole have the published shape and say the same: %j', async (variant) => {
    const shape = { choices: variant.n, includeUsage: variant.includeUsage };
    const response = await server.post('/v1/chat/completions', ask(variant, true));
    const chunks = await chatTranscript(response, shape);
    const answer = await (await server.post('/v1/chat/completions', ask(variant, false))).json();
    const whole = chatCompletionSchema.parse(answer);

    expect(whole.choices.map(({ index }) => index)).toEqual([...Array(variant.n).keys()]);
    expect(whole.service_tier).toBe('default');
    for (const { service_tier, system_fingerprint } of chunks) {
      expect(service_tier).toBe('default');
      expect(system_fingerprint).toBe(whole.system_fingerprint);
    }
    for (const { index, message, finish_reason, logprobs } of whole.choices) {
      const own = chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index));
      expect(own.map(({ delta }) => delta.content ?? '').join('')).toBe(message.content);
      expect(own.at(-1)?.finish_reason).toBe(finish_reason);
      const streamed = own.flatMap((choice) => choice.logprobs?.content ?? []);
      expect(streamed).toEqual(logprobs?.content ?? []);
      expect(logprobs === null).toBe(variant.top === undefined);
      const bytes = streamed.flatMap((token) => token.bytes ?? []);
      expect(Buffer.from(bytes).toString()).toBe(logprobs === null ? '' : message.content);
      for (const { top_logprobs } of streamed) expect(top_logprobs).toHaveLength(variant.top ?? NaN);
    }
    expect(usageOf(chunks)).toEqual(variant.includeUsage ? countsOf(whole.usage) : undefined);
  });

  test('have a character of several tokens in one event, with the log-probabilities of all of them', async () => {
    const body = { model: 'scripted', messages: [{ role: 'user', content: 'Hi' }], stream: true };
    const response = await server.post('/v1/chat/completions', { ...body, logprobs: true });
    const chunks = await chatTranscript(response, { choices: 1, includeUsage: false });
    const euro = chunks.find(({ choices }) => choices[0]?.delta.content === '€')?.choices[0]?.logprobs
      ?.content;
    expect(euro?.map(({ token }) => token)).toEqual(['\\xe2', '\\x82', '\\xac']);
    expect(euro?.flatMap(({ bytes }) => bytes)).toEqual([...Buffer.from('€')]);
  });
});

describe('text completions', () => {
  const ask = (variant: (typeof variants)[number], stream: boolean, echo: boolean): object => ({
    model: 'fake',
    prompt: ['Hi', 'Was für ein schöner Tag'],
    seed: 7,
    n: variant.n,
    stream,
    echo,
    ...(variant.top === undefined ? {} : { logprobs: variant.top }),
    ...(stream && variant.includeUsage ? { stream_options: { include_usage: true } } : {}),
    ...variant.limit,
  });

  test.each(variants.flatMap((variant) => [true, false].map((echo) => ({ ...variant, echo }))))(
    'streamed and whole have the published shape and say the same: %j',
    async ({ echo, ...variant }) => {
      const choices = 2 * variant.n;
      const response = await server.post('/v1/completions', ask(variant, true, echo));
      const chunks = await textTranscript(response, { choices, includeUsage: variant.includeUsage });
      const answer = await (await server.post('/v1/completions', ask(variant, false, echo))).json();
      const whole = textCompletionSchema.parse(answer);

      expect(whole.choices.map(({ index }) => index)).toEqual([...Array(choices).keys()]);
      expect(chunks[0]?.system_fingerprint).toBe(whole.system_fingerprint);
      for (const { index, text, finish_reason, logprobs } of whole.choices) {
        const own = chunks.flatMap((chunk) => chunk.choices.filter((choice) => choice.index === index));
        expect(own.map((choice) => choice.text).join('')).toBe(text);
        expect(own.at(-1)?.finish_reason).toBe(finish_reason);
        const prompt = index < variant.n ? 'Hi' : 'Was für ein schöner Tag';
        expect(text.slice(0, echo ? prompt.length : 0)).toBe(echo ? prompt : '');
        expect(logprobs === null).toBe(variant.top === undefined);
        const streamed = own.map((choice) => choice.logprobs);
        expect(streamed.flatMap((one) => one?.tokens ?? [])).toEqual(logprobs?.tokens ?? []);
        expect(streamed.flatMap((one) => one?.token_logprobs ?? [])).toEqual(logprobs?.token_logprobs ?? []);
        expect(streamed.flatMap((one) => one?.top_logprobs ?? [])).toEqual(logprobs?.top_logprobs ?? []);
        expect(streamed.flatMap((one) => one?.text_offset ?? [])).toEqual(logprobs?.text_offset ?? []);
        const characters = Array.from(text);
        const spelled = (logprobs?.tokens ?? []).map((token, at) => ({
          token,
          offset: logprobs?.text_offset[at],
        }));
        for (const { token, offset } of spelled.filter((one) => !/^(bytes:|<bos>)/.test(one.token)))
          expect(characters[offset ?? -1]).toBe(token);
      }
      expect(usageOf(chunks)).toEqual(variant.includeUsage ? countsOf(whole.usage) : undefined);
    },
  );
});

interface Counts {
  readonly completion_tokens: number;
  readonly prompt_tokens: number;
}

/** Which of the prompt was kept from an earlier request is another matter. */
function countsOf({ completion_tokens, prompt_tokens }: Counts): Counts {
  return { completion_tokens, prompt_tokens };
}

/** What a stream says last. */
function usageOf(chunks: readonly { readonly usage?: Counts | null | undefined }[]): Counts | undefined {
  const usage = chunks.at(-1)?.usage;
  return usage === undefined || usage === null ? undefined : countsOf(usage);
}

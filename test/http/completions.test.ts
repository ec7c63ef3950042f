import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { characters } from '../../src/http/openai/token-text.js';
import { FakeServer } from './fake-server.js';
import { textCompletionSchema, type TextCompletion } from './golden/openai-schemas.js';
import { textTranscript } from './golden/transcript.js';

let server: FakeServer;

beforeAll(async () => {
  server = await FakeServer.start(
    { fake: 'fake:?endAfter=40', filling: 'fake:?endAfter=10&fillInMiddle=true' },
    { contextSize: 512 },
  );
});

afterAll(async () => server.stop());

async function complete(body: object): Promise<TextCompletion> {
  const response = await server.post('/v1/completions', { model: 'fake', seed: 1, ...body });
  expect(response.status).toBe(200);
  return textCompletionSchema.parse(await response.json());
}

const errorSchema = z.object({
  error: z.object({ code: z.string(), param: z.string().nullable(), message: z.string() }),
});

async function refusal(body: object): Promise<{ status: number; code: string; param: string | null }> {
  const response = await server.post('/v1/completions', { model: 'fake', prompt: 'Hi', ...body });
  const { code, param } = errorSchema.parse(await response.json()).error;
  return { status: response.status, code, param };
}

const columns = (answer: TextCompletion, choice = 0) => {
  const logprobs = answer.choices[choice]?.logprobs;
  if (!logprobs) throw new Error('there are no log-probabilities');
  return logprobs;
};

describe('echo', () => {
  it('says the prompt again, with the log-probabilities of all its tokens but the first', async () => {
    const prompt = 'Grüße, <bos> Welt';
    const answer = await complete({ prompt, echo: true, logprobs: 2, max_tokens: 5 });
    const plain = await complete({ prompt, max_tokens: 5, logprobs: 2 });
    expect(answer.choices[0]?.text).toBe(prompt + (plain.choices[0]?.text ?? ''));
    const { tokens, token_logprobs, top_logprobs, text_offset } = columns(answer);
    expect(tokens.slice(0, 5)).toEqual(['<bos>', 'G', 'r', 'bytes:\\xc3', 'bytes:\\xbc']);
    expect(text_offset.slice(0, 6)).toEqual([0, 0, 1, 2, 2, 3]);
    const control = tokens.lastIndexOf('<bos>');
    expect(
      Array.from(prompt)
        .slice(text_offset[control], text_offset[control + 1])
        .join(''),
    ).toBe('<bos>');
    expect(token_logprobs[0]).toBeNull();
    expect(top_logprobs[0]).toBeNull();
    expect(token_logprobs.slice(1).every((value) => value !== null && value <= 0)).toBe(true);
    expect(top_logprobs.slice(1).every((top) => [2, 3].includes(Object.keys(top ?? {}).length))).toBe(true);
    const own = columns(plain);
    expect(token_logprobs.slice(-5)).toEqual(own.token_logprobs);
    expect(tokens.slice(-5)).toEqual(own.tokens);
    expect(text_offset.slice(-5)).toEqual(own.text_offset.map((offset) => offset + characters(prompt)));
    expect(answer.usage).toMatchObject({ prompt_tokens: tokens.length - 5, completion_tokens: 5 });
  });

  it('of a prompt agrees with what generating it would have said', async () => {
    const said = await complete({ prompt: 'Once', max_tokens: 12, temperature: 0, logprobs: 3 });
    const again = await complete({
      prompt: `Once${said.choices[0]?.text ?? ''}`,
      echo: true,
      max_tokens: 0,
      logprobs: 3,
    });
    expect(columns(again).tokens.slice(-12)).toEqual(columns(said).tokens);
    expect(columns(again).token_logprobs.slice(-12)).toEqual(columns(said).token_logprobs);
    expect(columns(again).top_logprobs.slice(-12)).toEqual(columns(said).top_logprobs);
  });

  it('with max_tokens 0 generates nothing, whole and streamed, for each prompt and choice', async () => {
    const body = { prompt: ['One', 'Two two'], echo: true, max_tokens: 0, n: 2, logprobs: 0 };
    const answer = await complete(body);
    expect(answer.choices.map(({ text, finish_reason }) => [text, finish_reason])).toEqual([
      ['One', 'length'],
      ['One', 'length'],
      ['Two two', 'length'],
      ['Two two', 'length'],
    ]);
    expect(answer.usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 0, total_tokens: 12 });
    const response = await server.post('/v1/completions', { model: 'fake', ...body, stream: true });
    const chunks = await textTranscript(response, { choices: 4, includeUsage: false });
    const texts = [0, 1, 2, 3].map((index) =>
      chunks.flatMap(({ choices }) => choices.filter((one) => one.index === index).map(({ text }) => text)),
    );
    expect(texts.map((parts) => parts.join(''))).toEqual(['One', 'One', 'Two two', 'Two two']);
    const engine = await server.engine('fake');
    expect(engine.pendingRequests).toBe(0);
  });

  it('of tokens says what they stand for', async () => {
    const answer = await complete({
      prompt: [256, 72, 0xc3, 0xa4, 105],
      echo: true,
      max_tokens: 0,
      logprobs: 0,
    });
    expect(answer.choices[0]?.text).toBe('<bos>Häi');
    expect(columns(answer).text_offset).toEqual([0, 5, 6, 6, 7]);
  });

  it('of one token has nothing to score', async () => {
    const answer = await complete({ prompt: [72], echo: true, max_tokens: 0, logprobs: 3 });
    expect(columns(answer)).toEqual({
      tokens: ['H'],
      token_logprobs: [null],
      top_logprobs: [null],
      text_offset: [0],
    });
  });

  it('of what the model can not read is refused as without', async () => {
    expect(await refusal({ prompt: [999_999], echo: true })).toMatchObject({ code: 'invalid_parameter' });
    for (const max_tokens of [0, 5]) {
      const answer = await refusal({ prompt: 'x'.repeat(600), echo: true, max_tokens, logprobs: 1 });
      expect(answer).toMatchObject({ status: 400, code: 'context_length_exceeded' });
    }
  });

  it('stops with its client', async () => {
    server.gate.hold();
    const controller = new AbortController();
    const asked = { model: 'fake', prompt: 'x'.repeat(300), echo: true, logprobs: 1, max_tokens: 0 };
    const response = server.post('/v1/completions', asked, controller.signal);
    const engine = await server.engine('fake');
    while (engine.pendingRequests === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await expect(response).rejects.toThrow('aborted');
    server.gate.open();
    await engine.idle();
    expect(await engine.inspect()).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
  });
});

describe('log-probabilities', () => {
  it('are of the model itself, whatever is sampled', async () => {
    const first = await complete({ prompt: 'Hi', max_tokens: 1, logprobs: 20, temperature: 0 });
    const [top] = columns(first).top_logprobs;
    const [likeliest = ''] = Object.entries(top ?? {}).toSorted((a, b) => b[1] - a[1])[0] ?? [];
    const banned = await complete({
      prompt: 'Hi',
      max_tokens: 1,
      logprobs: 20,
      temperature: 1.9,
      repetition_penalty: 2,
      logit_bias: { [likeliest.charCodeAt(0)]: -100 },
    });
    expect(banned.choices[0]?.text).not.toBe(likeliest);
    expect(columns(banned).top_logprobs[0]).toMatchObject(top ?? {});
  });

  it('have the token itself among the most likely, though it is not one of them', async () => {
    const answer = await complete({ prompt: 'Hi', max_tokens: 20, logprobs: 1, temperature: 1.9 });
    const { tokens, token_logprobs, top_logprobs } = columns(answer);
    const sizes = top_logprobs.map((top) => Object.keys(top ?? {}).length);
    expect(new Set(sizes)).toEqual(new Set([1, 2]));
    for (const [at, token] of tokens.entries()) expect(top_logprobs[at]?.[token]).toBe(token_logprobs[at]);
  });

  it('of 0 are those of the tokens alone, and of more than 20 are refused', async () => {
    const { tokens, top_logprobs } = columns(await complete({ prompt: 'Hi', max_tokens: 3, logprobs: 0 }));
    expect(top_logprobs.map((top) => Object.keys(top ?? {}))).toEqual(tokens.map((token) => [token]));
    expect(await refusal({ logprobs: 21 })).toMatchObject({ code: 'invalid_parameter', param: 'logprobs' });
  });

  it('of tokens that a stop string cut away are not told', async () => {
    const plain = await complete({ prompt: 'Hi', max_tokens: 30, temperature: 0, logprobs: 0 });
    const text = plain.choices[0]?.text ?? '';
    const stop = Array.from(text).slice(10, 13).join('');
    const answer = await complete({ prompt: 'Hi', temperature: 0, logprobs: 0, stop });
    const before = text.slice(0, text.indexOf(stop));
    expect(answer.choices[0]).toMatchObject({ text: before, finish_reason: 'stop' });
    expect(columns(answer).token_logprobs).toEqual(
      columns(plain).token_logprobs.slice(0, Buffer.byteLength(before)),
    );
  });
});

describe('best_of', () => {
  it('answers with the choices of the highest log-probability per token, and counts all', async () => {
    const body = { prompt: ['Hi', 'Ho'], max_tokens: 8, temperature: 1.5, seed: 5 };
    const all = await complete({ ...body, n: 4, logprobs: 0 });
    const best = await complete({ ...body, n: 2, best_of: 4 });
    const mean = (choice: TextCompletion['choices'][number]): number => {
      const logs = choice.logprobs?.token_logprobs ?? [];
      return logs.reduce<number>((sum, value) => sum + (value ?? NaN), 0) / logs.length;
    };
    const ranked = [all.choices.slice(0, 4), all.choices.slice(4)].flatMap((choices) =>
      choices.toSorted((a, b) => mean(b) - mean(a)).slice(0, 2),
    );
    expect(best.choices.map(({ text }) => text)).toEqual(ranked.map(({ text }) => text));
    expect(best.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(best.choices.map(({ logprobs }) => logprobs)).toEqual([null, null, null, null]);
    expect(best.usage.completion_tokens).toBe(all.usage.completion_tokens);
  });

  it('is refused where it can not be done', async () => {
    expect(await refusal({ n: 3, best_of: 2 })).toMatchObject({
      code: 'invalid_parameter',
      param: 'best_of',
    });
    expect(await refusal({ best_of: 2, stream: true })).toMatchObject({ param: 'best_of' });
    expect(await refusal({ best_of: 5 })).toMatchObject({ code: 'invalid_parameter' });
    const response = await server.post('/v1/completions', {
      model: 'fake',
      prompt: 'Hi',
      max_tokens: 2,
      n: 2,
      best_of: 2,
      stream: true,
    });
    await textTranscript(response, { choices: 2, includeUsage: false });
  });
});

describe('a suffix', () => {
  it('is what the completion is written before, where the model has tokens for that', async () => {
    const filled = await complete({ model: 'filling', prompt: 'a(', suffix: ')b', temperature: 0 });
    // The order of tokens that such a prompt is, with the mark of the beginning.
    const tokens = [256, 1, ...Buffer.from('a('), 2, ...Buffer.from(')b'), 3];
    const same = await complete({ model: 'filling', prompt: tokens, temperature: 0 });
    expect(filled.choices[0]?.text).toBe(same.choices[0]?.text);
    expect(filled.usage).toMatchObject({ prompt_tokens: tokens.length });
    const several = await complete({ model: 'filling', prompt: ['a(', ''], suffix: ')b', temperature: 0 });
    expect(several.choices[0]?.text).toBe(filled.choices[0]?.text);
  });

  it('does not read control tokens, which text has no business to name', async () => {
    const { usage } = await complete({ model: 'filling', prompt: '<eos>', suffix: '<bos>' });
    expect(usage.prompt_tokens).toBe(4 + '<eos>'.length + '<bos>'.length);
  });

  it('is refused where it can not be honoured', async () => {
    expect(await refusal({ suffix: ')' })).toEqual({
      status: 400,
      code: 'unsupported_by_model',
      param: 'suffix',
    });
    expect(await refusal({ model: 'filling', prompt: [72], suffix: ')' })).toMatchObject({ param: 'suffix' });
    expect(await refusal({ model: 'filling', suffix: ')', echo: true })).toMatchObject({ param: 'suffix' });
    const long = await refusal({ model: 'filling', suffix: 'x'.repeat(600) });
    expect(long).toMatchObject({ code: 'context_length_exceeded' });
  });

  it('that is empty asks for nothing', async () => {
    const body = { prompt: 'Hi', max_tokens: 4 };
    const texts = [await complete({ ...body, suffix: '' }), await complete(body)].map(
      ({ choices }) => choices[0]?.text,
    );
    expect(texts[0]).toBe(texts[1]);
  });
});

describe('a prompt', () => {
  it('that is not sent, null or empty is the beginning of a document', async () => {
    const start = await complete({ prompt: [256], max_tokens: 6 });
    for (const body of [{}, { prompt: null }, { prompt: '' }, { prompt: [''] }]) {
      const { choices, usage } = await complete({ ...body, max_tokens: 6 });
      expect(choices[0]?.text).toBe(start.choices[0]?.text);
      expect(usage.prompt_tokens).toBe(1);
    }
    expect((await complete({ prompt: '', echo: true, max_tokens: 0 })).choices[0]?.text).toBe('');
  });

  it('of several texts or token lists has its choices in their order', async () => {
    const prompts = ['One', 'Two'];
    const tokens = prompts.map((text) => [256, ...Buffer.from(text)]);
    const texts = await complete({ prompt: prompts, n: 2, max_tokens: 5 });
    const lists = await complete({ prompt: tokens, n: 2, max_tokens: 5 });
    const alone = [];
    for (const prompt of prompts) alone.push(...(await complete({ prompt, n: 2, max_tokens: 5 })).choices);
    for (const { choices } of [texts, lists])
      expect(choices.map(({ text }) => text)).toEqual(alone.map(({ text }) => text));
    expect(new Set(alone.map(({ text }) => text)).size).toBe(4);
    expect(texts.usage.prompt_tokens).toBe(8);
  });

  it('may be of 0 tokens more only where it is echoed', async () => {
    expect(await refusal({ max_tokens: 0 })).toMatchObject({
      code: 'invalid_parameter',
      param: 'max_tokens',
    });
  });
});

describe('system_fingerprint', () => {
  it('is the same for a model as long as it stays what it is, and another for another model', async () => {
    const [one, two] = [await complete({ max_tokens: 1 }), await complete({ max_tokens: 1, seed: 2 })];
    expect(one.system_fingerprint).toBe(two.system_fingerprint);
    const other = await complete({ model: 'filling', max_tokens: 1 });
    expect(other.system_fingerprint).not.toBe(one.system_fingerprint);
    const chat = await server.post('/v1/chat/completions', {
      model: 'fake',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'Hi' }],
    });
    expect(await chat.json()).toMatchObject({ system_fingerprint: one.system_fingerprint });
  });
});

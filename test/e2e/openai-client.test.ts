import { join } from 'node:path';
import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createThreadEngine } from '../../src/engine/create-engine.js';
import type { Engine } from '../../src/engine/engine.js';
import { renderChat } from '../../src/prompt/chat-template.js';
import { ServerProcess } from './server-process.js';

let server: ServerProcess;
let client: OpenAI;
/** The same model, loaded here, to compare token counts with. */
let engine: Engine;

beforeAll(async () => {
  // Each token is a chunk of its own: none of them are guessed several at a time.
  server = await ServerProcess.start('--speculation', 'off');
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' });
  engine = createThreadEngine('starter');
  const modelPath = join(process.cwd(), 'models', 'starter', 'starter.gguf');
  await engine.load({ modelPath, contextSize: 0, slots: 1, batchSize: 512, threads: 1 });
});

afterAll(async () => {
  await engine.close();
  expect(await server.stop()).toBe(0);
});

const question = [{ role: 'user' as const, content: 'What is the capital of Japan?' }];
const answer = 'The capital of Japan is Tokyo.';

describe('chat completions', () => {
  it('answers in one piece', async () => {
    const completion = await client.chat.completions.create({
      model: 'starter',
      messages: question,
      temperature: 0,
    });
    expect(completion.object).toBe('chat.completion');
    expect(completion.choices).toHaveLength(1);
    expect(completion.choices[0]?.message).toMatchObject({ role: 'assistant', content: answer });
    expect(completion.choices[0]?.finish_reason).toBe('stop');
  });

  it("counts usage as the model's own tokenizer does", async () => {
    const { usage } = await client.chat.completions.create({
      model: 'starter',
      messages: question,
      temperature: 0,
    });
    const prompt = renderChat(engine.info, question);
    const promptTokens = (await engine.tokenize(prompt.text, prompt)).length;
    const completionTokens = (await engine.tokenize(answer)).length;
    expect(usage).toMatchObject({
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
    });
  });

  it('streams one content chunk for every token that bears text', async () => {
    const stream = await client.chat.completions.create({
      model: 'starter',
      messages: question,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    });
    const pieces: string[] = [];
    let usage: OpenAI.CompletionUsage | null | undefined;
    let finish: string | null | undefined;
    for await (const chunk of stream) {
      const choice = chunk.choices[0];
      if (choice?.delta.content) pieces.push(choice.delta.content);
      finish = choice?.finish_reason ?? finish;
      usage = chunk.usage;
    }
    expect(pieces.join('')).toBe(answer);
    expect(pieces).toHaveLength((await engine.tokenize(answer)).length);
    expect(finish).toBe('stop');
    expect(usage?.completion_tokens).toBe(pieces.length);
  });

  it('streams the same text as it answers in one piece, with every choice and a seed', async () => {
    const parameters = {
      model: 'starter',
      messages: [{ role: 'user' as const, content: 'Tell me a story about Nora and a fox.' }],
      temperature: 1,
      seed: 7,
      n: 3,
      // heddle's own: what is computed in another batch differs in its last digits, and so could a text.
      cache_prompt: false,
    };
    const whole = await client.chat.completions.create(parameters);
    const streamed = ['', '', ''];
    for await (const { choices } of await client.chat.completions.create({ ...parameters, stream: true })) {
      for (const { index, delta } of choices) streamed[index] += delta.content ?? '';
    }
    expect(streamed).toEqual(whole.choices.map(({ message }) => message.content));
    expect(new Set(streamed).size).toBe(3);
  });

  it('stops before a stop string and at max_tokens', async () => {
    const counting = {
      model: 'starter',
      messages: [{ role: 'user' as const, content: 'Count from 15 to 25.' }],
      temperature: 0,
    };
    const stopped = await client.chat.completions.create({ ...counting, stop: [' 18'] });
    expect(stopped.choices[0]?.message.content).toBe('15, 16, 17,');
    expect(stopped.choices[0]?.finish_reason).toBe('stop');
    const cut = await client.chat.completions.create({ ...counting, max_completion_tokens: 3 });
    expect(cut.usage?.completion_tokens).toBe(3);
    expect(cut.choices[0]?.finish_reason).toBe('length');
  });

  it('honours logit_bias', async () => {
    const [token] = await engine.tokenize(' Tokyo');
    const biased = await client.chat.completions.create({
      model: 'starter',
      messages: question,
      temperature: 0,
      logit_bias: { [String(token)]: -100 },
    });
    expect(biased.choices[0]?.message.content).not.toContain('Tokyo');
  });

  it('passes template variables on', async () => {
    const parameters = {
      model: 'starter',
      messages: [{ role: 'user' as const, content: 'What is 47 + 38?' }],
      temperature: 0,
    };
    const thinking = await client.chat.completions.create(parameters);
    expect(thinking.choices[0]?.message).toHaveProperty('reasoning_content');
    const withoutThinking = { ...parameters, chat_template_kwargs: { enable_thinking: false } };
    const direct = await client.chat.completions.create(withoutThinking);
    expect(direct.choices[0]?.message.content).toBe('47 + 38 = 85');
    expect(direct.choices[0]?.message).not.toHaveProperty('reasoning_content');
  });

  it('serves two models at once', async () => {
    const texts = await Promise.all(
      ['starter', 'starter-draft'].map(async (model) => {
        const completion = await client.chat.completions.create({
          model,
          messages: question,
          temperature: 0,
        });
        return completion.choices[0]?.message.content;
      }),
    );
    expect(texts[0]).toBe(answer);
    expect(texts[1]).toContain('capital');
  });

  it('stops the work when the client aborts a stream', async () => {
    const endless = {
      model: 'starter',
      messages: [{ role: 'user' as const, content: 'Tell me a story about Ben and a cat.' }],
      stream: true as const,
      ignore_eos: true,
    };
    const stream = await client.chat.completions.create(endless);
    let pieces = 0;
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content && ++pieces === 3) stream.controller.abort();
    }
    expect(pieces).toBeGreaterThanOrEqual(3);
    await server.idle();
    const after = await client.chat.completions.create({
      model: 'starter',
      messages: question,
      temperature: 0,
    });
    expect(after.choices[0]?.message.content).toBe(answer);
  });
});

describe('completions', () => {
  it('answers in one piece and as a stream', async () => {
    const parameters = {
      model: 'starter',
      prompt: 'A cow says moo. A dog says',
      temperature: 0,
      max_tokens: 4,
    };
    const whole = await client.completions.create(parameters);
    expect(whole.choices[0]?.text).toMatch(/^ woof\./);
    expect(whole.choices[0]?.finish_reason).toBe('length');
    let text = '';
    for await (const chunk of await client.completions.create({ ...parameters, stream: true })) {
      text += chunk.choices[0]?.text ?? '';
    }
    expect(text).toBe(whole.choices[0]?.text);
    expect(whole.usage).toMatchObject({
      prompt_tokens: (await engine.tokenize(parameters.prompt)).length,
      completion_tokens: 4,
    });
  });

  it('answers several prompts, of text and of tokens, with several choices each', async () => {
    const prompts = ['The capital of France is', 'The capital of Japan is'];
    const parameters = { model: 'starter', temperature: 0, max_tokens: 2, n: 2 };
    const byText = await client.completions.create({ ...parameters, prompt: prompts });
    expect(byText.choices.map(({ text }) => text)).toEqual([' Paris.', ' Paris.', ' Tokyo.', ' Tokyo.']);
    expect(byText.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    const tokens = await Promise.all(prompts.map(async (prompt) => engine.tokenize(prompt)));
    const byTokens = await client.completions.create({ ...parameters, prompt: tokens });
    expect(byTokens.choices.map(({ text }) => text)).toEqual(byText.choices.map(({ text }) => text));
  });
});

describe('models', () => {
  it('lists and shows them', async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toEqual(['starter', 'starter-draft']);
    expect(await client.models.retrieve('starter')).toMatchObject({ id: 'starter', object: 'model' });
  });
});

describe("errors are the client's own classes, with heddle's codes", () => {
  const ask = async (parameters: object): Promise<unknown> => {
    const body = { model: 'starter', messages: question, ...parameters };
    return client.chat.completions.create(body as never).then(
      () => undefined,
      (error: unknown) => error,
    );
  };

  it.each([
    ['an unknown model', { model: 'nope' }, NotFoundError, 'model_not_found', 'model'],
    [
      'a model named by a path',
      { model: '../starter/starter.gguf' },
      NotFoundError,
      'model_not_found',
      'model',
    ],
    ['no messages', { messages: [] }, BadRequestError, 'invalid_parameter', 'messages'],
    ['a wrong type', { temperature: 'hot' }, BadRequestError, 'invalid_parameter', 'temperature'],
    ['an unknown parameter', { frobnicate: 1 }, BadRequestError, 'unsupported_parameter', 'frobnicate'],
    ['an unsupported parameter', { store: true }, BadRequestError, 'unsupported_parameter', 'store'],
    [
      'a prompt longer than the context',
      { messages: [{ role: 'user', content: 'word '.repeat(3000) }] },
      BadRequestError,
      'context_length_exceeded',
      null,
    ],
    [
      'a logit bias on a token outside the vocabulary',
      { logit_bias: { 999999: 1 } },
      BadRequestError,
      'invalid_parameter',
      null,
    ],
  ])('%s', async (_, parameters, errorClass, code, param) => {
    const error = await ask(parameters);
    expect(error).toBeInstanceOf(errorClass);
    expect(error).toMatchObject({ code, param });
  });

  it('a body that is no JSON', async () => {
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"model":',
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_json' } });
  });
});

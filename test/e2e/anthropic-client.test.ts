import Anthropic, { BadRequestError, NotFoundError } from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess } from './server-process.js';

let server: ServerProcess;
let client: Anthropic;

beforeAll(async () => {
  server = await ServerProcess.start();
  client = new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

/** Earlier versions of the client's types have it. */
const greedy = { temperature: 0 };
const request = { model: 'starter', max_tokens: 200, ...greedy };
const question = [{ role: 'user' as const, content: 'What is the capital of Japan?' }];
const answer = 'The capital of Japan is Tokyo.';

const weather: Anthropic.Tool = {
  name: 'get_weather',
  description: 'Get the current weather of a city.',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const askWeather: Anthropic.MessageParam = { role: 'user', content: 'What is the weather in Lisbon?' };
const report = '{"city": "Lisbon", "temperature": 21, "condition": "sunny"}';

describe('the official Anthropic client', () => {
  it('gets a message, whose tokens were counted before', async () => {
    const { input_tokens: counted } = await client.messages.countTokens({
      model: 'starter',
      messages: question,
    });
    const message = await client.messages.create({ ...request, messages: question });
    expect(message.content).toEqual([{ type: 'text', text: answer, citations: null }]);
    expect(message.stop_reason).toBe('end_turn');
    const { input_tokens: plain, cache_read_input_tokens: read } = message.usage;
    expect(plain + (read ?? 0)).toBe(counted);
  });

  it('streams it', async () => {
    const stream = client.messages.stream({ ...request, messages: question });
    const texts: string[] = [];
    stream.on('text', (text) => texts.push(text));
    expect(await stream.finalText()).toBe(answer);
    expect(texts.length).toBeGreaterThan(3);
  });

  it('reads from the cache what was asked before', async () => {
    const system = `You are a helpful assistant. ${'Answer in one sentence. '.repeat(20)}`;
    const body = {
      ...request,
      system: [{ type: 'text' as const, text: system, cache_control: { type: 'ephemeral' as const } }],
      messages: question,
    };
    const first = await client.messages.create(body);
    const second = await client.messages.create(body);
    expect(first.usage.cache_creation_input_tokens).toBeGreaterThan(50);
    expect(second.usage.cache_read_input_tokens).toBeGreaterThan(50);
    expect(second.usage.cache_creation_input_tokens).toBe(0);
  });

  it.each(['whole', 'streamed'])('calls tools, and gets an answer for their results: %s', async (how) => {
    const ask = async (messages: Anthropic.MessageParam[]): Promise<Anthropic.Message> => {
      const body = { ...request, tools: [weather], messages };
      return how === 'whole' ? client.messages.create(body) : client.messages.stream(body).finalMessage();
    };
    const called = await ask([askWeather]);
    expect(called.stop_reason).toBe('tool_use');
    const use = called.content.find((block) => block.type === 'tool_use');
    expect(use).toMatchObject({ name: 'get_weather', input: { city: 'Lisbon' } });
    const answered = await ask([
      askWeather,
      { role: 'assistant', content: called.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: use?.id ?? '', content: report }] },
    ]);
    expect(answered.stop_reason).toBe('end_turn');
    expect(JSON.stringify(answered.content)).toContain('21');
  });

  it('calls a tool when it must, with an input as its strict schema says', async () => {
    const strict = {
      ...weather,
      strict: true,
      input_schema: {
        type: 'object' as const,
        properties: { city: { enum: ['Oslo', 'Rome'] }, days: { type: 'integer', minimum: 2, maximum: 4 } },
        required: ['city', 'days'],
        additionalProperties: false,
      },
    };
    for (const type of ['any', 'tool'] as const) {
      const tool_choice = type === 'any' ? { type } : { type, name: weather.name };
      const message = await client.messages.create({
        ...request,
        messages: question,
        tools: [strict],
        tool_choice: { ...tool_choice, disable_parallel_tool_use: true },
      });
      expect(message.stop_reason).toBe('tool_use');
      const uses = message.content.filter((block) => block.type === 'tool_use');
      expect(uses.map(({ name }) => name)).toEqual([weather.name]);
      const { city, days } = (uses[0]?.input ?? {}) as { city?: string; days?: number };
      expect(['Oslo', 'Rome']).toContain(city);
      expect([2, 3, 4]).toContain(days);
    }
  });

  it('stops at a sequence, and at the limit', async () => {
    const stopped = await client.messages.create({
      ...request,
      messages: question,
      stop_sequences: ['Japan'],
    });
    expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'Japan' });
    expect(stopped.content).toMatchObject([{ text: 'The capital of ' }]);
    const cut = await client.messages.create({ ...request, max_tokens: 2, messages: question });
    expect(cut).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 2 } });
  });

  it('goes on from a beginning', async () => {
    const messages = [...question, { role: 'assistant' as const, content: 'The capital of Japan' }];
    const message = await client.messages.create({ ...request, messages });
    expect(message.content).toMatchObject([{ text: ' is Tokyo.' }]);
  });

  it('thinks within a budget, or not at all', async () => {
    const thinking = { type: 'enabled' as const, budget_tokens: 8 };
    const message = await client.messages.create({ ...request, messages: question, thinking });
    expect(message.usage.output_tokens_details?.thinking_tokens).toBeLessThanOrEqual(16);
    const without = await client.messages.create({
      ...request,
      messages: question,
      thinking: { type: 'disabled' },
    });
    expect(without.content.map(({ type }) => type)).toEqual(['text']);
  });

  it('lists the models', async () => {
    const ids: string[] = [];
    for await (const { id } of client.models.list()) ids.push(id);
    expect(ids).toContain('starter');
  });

  it('throws errors of its own classes', async () => {
    const missing = client.messages.create({ ...request, model: 'missing', messages: question });
    await expect(missing).rejects.toBeInstanceOf(NotFoundError);
    const long = [{ role: 'user' as const, content: 'word '.repeat(20_000) }];
    const refused = client.messages.create({ ...request, messages: long });
    await expect(refused).rejects.toBeInstanceOf(BadRequestError);
  });
});

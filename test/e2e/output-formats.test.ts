import Anthropic, { BadRequestError as AnthropicBadRequest } from '@anthropic-ai/sdk';
import { betaZodOutputFormat } from '@anthropic-ai/sdk/helpers/beta/zod';
import { jsonSchemaOutputFormat } from '@anthropic-ai/sdk/helpers/json-schema';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import OpenAI, { BadRequestError } from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chatAnswer, generateAnswer } from '../../src/http/openapi/answers/ollama.js';
import { ServerProcess } from './server-process.js';

let server: ServerProcess;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  server = await ServerProcess.start();
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

/** A parameter that the client's types do not have. */
const seeded = (seed: number): object => ({ seed });

const question = 'What is the capital of Japan?';

/** Ends by itself, also where a client's helper takes the bounds of numbers and texts away. */
const Answer = z.object({
  kind: z.enum(['capital', 'town']),
  certain: z.boolean(),
  founded: z.iso.date(),
  rank: z.int(),
  id: z.union([z.uuid(), z.null()]),
  twin: z
    .object({ city: z.literal('Nashville'), since: z.iso.date() })
    .optional()
    .nullable(),
});

const Bounded = Answer.extend({
  city: z.string().max(12),
  population: z.int().min(0).max(99_000_000),
  rivers: z.array(z.object({ name: z.string().max(6), length: z.number().min(0).max(500) })).max(2),
  twin: z.union([z.string().max(3), z.null()]),
});

const even = {
  type: 'object',
  properties: { n: { type: 'number', multipleOf: 2 } },
  required: ['n'],
} as const;

describe("responses with the official client's helpers", () => {
  const request = { model: 'starter', input: question, reasoning: { effort: 'none' as const } };

  it('are parsed', async () => {
    for (const seed of [1, 2, 3]) {
      const response = await openai.responses.parse({
        ...request,
        temperature: 1.5,
        text: { format: zodTextFormat(Bounded, 'answer') },
        ...seeded(seed),
      });
      expect(response.status).toBe('completed');
      expect(Bounded.parse(response.output_parsed)).toEqual(response.output_parsed);
      expect(response.text?.format).toMatchObject({ type: 'json_schema', name: 'answer', strict: true });
    }
  });

  it('are parsed from a stream, with log-probabilities', async () => {
    const stream = openai.responses.stream({
      ...request,
      text: { format: zodTextFormat(Bounded, 'answer') },
      include: ['message.output_text.logprobs'],
      top_logprobs: 2,
      ...seeded(4),
    });
    let streamed = 0;
    stream.on('response.output_text.delta', ({ logprobs }) => (streamed += logprobs.length));
    const response = await stream.finalResponse();
    expect(Bounded.parse(response.output_parsed)).toBeTruthy();
    const message = response.output.find((item) => item.type === 'message');
    const [part] = message?.content ?? [];
    const logprobs = part?.type === 'output_text' ? (part.logprobs ?? []) : [];
    expect(Buffer.from(logprobs.flatMap(({ bytes }) => bytes)).toString()).toBe(response.output_text);
    expect(logprobs).toHaveLength(streamed);
    for (const {
      logprob,
      top_logprobs: [first],
    } of logprobs) {
      expect(logprob).toBeLessThanOrEqual(first?.logprob ?? -Infinity);
      expect(logprob).toBeLessThanOrEqual(0);
    }
  });

  it('name the keyword that can not be enforced', async () => {
    const refused = openai.responses.parse({
      ...request,
      text: { format: { type: 'json_schema', name: 'even', schema: even } },
    });
    await expect(refused).rejects.toBeInstanceOf(BadRequestError);
    await expect(refused).rejects.toMatchObject({
      code: 'unsupported_schema',
      param: 'text.format.schema.properties.n.multipleOf',
    });
  });
});

describe("messages with the official Anthropic client's helpers", () => {
  const messages = [{ role: 'user' as const, content: question }];
  const thinking = { type: 'disabled' as const };
  const request = { model: 'starter', max_tokens: 400, messages, thinking };

  it('are parsed', async () => {
    for (let times = 0; times < 3; times++) {
      const message = await anthropic.messages.parse({
        ...request,
        output_config: { format: zodOutputFormat(Answer) },
      });
      expect(message.stop_reason).toBe('end_turn');
      expect(Answer.parse(message.parsed_output)).toEqual(message.parsed_output);
    }
  });

  it('are parsed from a stream', async () => {
    const stream = anthropic.messages.stream({
      ...request,
      output_config: { format: zodOutputFormat(Answer) },
    });
    let texts = 0;
    stream.on('text', () => texts++);
    const message = await stream.finalMessage();
    expect(Answer.parse(message.parsed_output)).toBeTruthy();
    expect(texts).toBeGreaterThan(10);
  });

  it('are parsed by a JSON schema, and by the helper of the betas', async () => {
    const format = jsonSchemaOutputFormat({
      type: 'object',
      properties: { city: { enum: ['Tokyo', 'Kyoto'] } },
      required: ['city'],
      additionalProperties: false,
    });
    const plain = await anthropic.messages.parse({ ...request, output_config: { format } });
    expect(['Tokyo', 'Kyoto']).toContain(plain.parsed_output?.city);
    const beta = await anthropic.beta.messages.parse({
      ...request,
      output_format: betaZodOutputFormat(Answer),
    });
    expect(Answer.parse(beta.parsed_output)).toBeTruthy();
  });

  it('name the keyword that can not be enforced', async () => {
    const format = jsonSchemaOutputFormat(even, { transform: false });
    const refused = anthropic.messages.parse({ ...request, output_config: { format } });
    await expect(refused).rejects.toBeInstanceOf(AnthropicBadRequest);
    await expect(refused).rejects.toThrow('output_config.format.schema.properties.n.multipleOf');
  });
});

describe('the Ollama API', () => {
  const format = z.toJSONSchema(Bounded);

  async function post(path: string, body: object): Promise<unknown> {
    const response = await fetch(server.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'starter', stream: false, ...body }),
    });
    const answer: unknown = await response.json();
    expect([response.status, answer]).toEqual([200, answer]);
    return answer;
  }

  it('answers with what the schema asks for, and says how likely it was', async () => {
    for (const seed of [1, 2]) {
      const body = { format, options: { seed, temperature: 1.5 }, logprobs: true, top_logprobs: 1 };
      const chat = await post('/api/chat', {
        ...body,
        think: false,
        messages: [{ role: 'user', content: question }],
      });
      const { message, logprobs = [] } = chatAnswer.parse(chat);
      expect(Bounded.parse(JSON.parse(message.content))).toBeTruthy();
      expect(Buffer.from(logprobs.flatMap(({ bytes = [] }) => bytes)).toString()).toBe(message.content);
      for (const how of [{ raw: true }, { think: false }]) {
        const { response } = generateAnswer.parse(
          await post('/api/generate', { ...body, prompt: question, ...how }),
        );
        expect(Bounded.parse(JSON.parse(response))).toBeTruthy();
      }
    }
  });
});

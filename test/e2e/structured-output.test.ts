import OpenAI, { BadRequestError } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
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

const Answer = z.object({
  city: z.string().max(12),
  certain: z.boolean(),
  population: z.int().min(0).max(99_000_000),
  kind: z.enum(['capital', 'town']),
  note: z.union([z.string().max(8), z.null()]),
  founded: z.iso.date(),
  id: z.uuid(),
  contact: z.email().max(20),
  rivers: z.array(z.object({ name: z.string().max(6), length: z.number().min(0).max(500) })).max(2),
});

describe("the official client's helpers for structured output", () => {
  it('parse what comes back', async () => {
    for (const seed of [1, 2, 3]) {
      const completion = await client.chat.completions.parse({
        model: 'starter',
        messages,
        seed,
        temperature: 1.5,
        reasoning_effort: 'none',
        response_format: zodResponseFormat(Answer, 'answer'),
      });
      const [choice] = completion.choices;
      expect(choice?.finish_reason).toBe('stop');
      expect(Answer.parse(choice?.message.parsed)).toEqual(choice?.message.parsed);
    }
  });

  it('parse a stream', async () => {
    const stream = client.chat.completions.stream({
      model: 'starter',
      messages,
      seed: 4,
      reasoning_effort: 'none',
      response_format: zodResponseFormat(Answer, 'answer'),
    });
    let deltas = 0;
    stream.on('content.delta', () => deltas++);
    const completion = await stream.finalChatCompletion();
    expect(Answer.parse(completion.choices[0]?.message.parsed)).toBeTruthy();
    expect(deltas).toBeGreaterThan(10);
  });

  it('know a schema that refers to itself', async () => {
    interface Tree {
      value: number;
      children: Tree[];
    }
    const Tree: z.ZodType<Tree> = z.object({
      value: z.int().min(0).max(9),
      children: z.array(z.lazy(() => Tree)).max(1),
    });
    const completion = await client.chat.completions.parse({
      model: 'starter',
      messages,
      seed: 5,
      temperature: 1.2,
      response_format: zodResponseFormat(z.object({ tree: Tree }), 'tree'),
    });
    expect(Tree.parse(completion.choices[0]?.message.parsed?.tree)).toBeTruthy();
  });

  it('say which keyword can not be enforced', async () => {
    const even = z.object({ n: z.number().multipleOf(2) });
    const refused = client.chat.completions.parse({
      model: 'starter',
      messages,
      response_format: zodResponseFormat(even, 'even'),
    });
    await expect(refused).rejects.toBeInstanceOf(BadRequestError);
    await expect(refused).rejects.toMatchObject({
      code: 'unsupported_schema',
      param: 'response_format.json_schema.schema.properties.n.multipleOf',
    });
  });
});

import OpenAI from 'openai';
import { zodFunction } from 'openai/helpers/zod';
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

const weather: OpenAI.ChatCompletionFunctionTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Get the current weather of a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

const question: OpenAI.ChatCompletionMessageParam = {
  role: 'user',
  content: 'What is the weather in Lisbon?',
};
const request = { model: 'starter', temperature: 0, max_tokens: 200, tools: [weather] };
const report = '{"city": "Lisbon", "temperature": 21, "condition": "sunny"}';

/** Gives the result of each call back and asks again. */
async function answerTo(message: OpenAI.ChatCompletionMessage): Promise<OpenAI.ChatCompletion> {
  const results = (message.tool_calls ?? []).map(({ id }) => ({
    role: 'tool' as const,
    tool_call_id: id,
    content: report,
  }));
  return client.chat.completions.create({ ...request, messages: [question, message, ...results] });
}

describe('tools with the official client', () => {
  it('are called, and their results are made into an answer', async () => {
    const called = await client.chat.completions.create({ ...request, messages: [question] });
    const [choice] = called.choices;
    expect(choice?.finish_reason).toBe('tool_calls');
    const [call] = choice?.message.tool_calls ?? [];
    if (choice === undefined || call?.type !== 'function') throw new Error('there is no call');
    expect(call.function.name).toBe('get_weather');
    expect(JSON.parse(call.function.arguments)).toEqual({ city: 'Lisbon' });
    const answered = await answerTo(choice.message);
    expect(answered.choices[0]?.finish_reason).toBe('stop');
    expect(answered.choices[0]?.message.content).toContain('21');
  });

  it("are called in a stream, which the client's helper puts together", async () => {
    const whole = await client.chat.completions.create({ ...request, messages: [question] });
    const stream = client.chat.completions.stream({ ...request, messages: [question] });
    const pieces: string[] = [];
    stream.on('tool_calls.function.arguments.delta', ({ arguments_delta: text }) => pieces.push(text));
    const streamed = await stream.finalChatCompletion();
    const [call] = streamed.choices[0]?.message.tool_calls ?? [];
    const [expected] = whole.choices[0]?.message.tool_calls ?? [];
    if (call?.type !== 'function' || expected?.type !== 'function') throw new Error('there is no call');
    expect(call.function).toMatchObject(expected.function);
    expect(streamed.choices[0]?.finish_reason).toBe('tool_calls');
    expect(pieces.filter((text) => text !== '').length).toBeGreaterThan(1);
    const [choice] = streamed.choices;
    if (choice === undefined) throw new Error('there is no choice');
    const answered = await answerTo(choice.message);
    expect(answered.choices[0]?.message.content).toContain('21');
  });

  it('run by themselves with the runner of the client', async () => {
    const asked: unknown[] = [];
    const runner = client.chat.completions.runTools({
      model: 'starter',
      temperature: 0,
      max_tokens: 200,
      messages: [question],
      tools: [
        {
          type: 'function',
          function: {
            name: weather.function.name,
            description: weather.function.description ?? '',
            parameters: weather.function.parameters ?? {},
            parse: JSON.parse as (text: string) => { city: string },
            function: (given: { city: string }) => {
              asked.push(given);
              return report;
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toContain('21');
    expect(asked).toEqual([{ city: 'Lisbon' }]);
  });

  it('are called when they must be, as their strict schemas say, and parsed by the client', async () => {
    const Asked = z.object({ city: z.enum(['Oslo', 'Rome']), days: z.int().min(2).max(4).nullable() });
    const tool = zodFunction({ name: 'plan_trip', parameters: Asked });
    const demanded = {
      model: 'starter',
      temperature: 1,
      reasoning_effort: 'none' as const,
      max_tokens: 300,
      messages: [{ role: 'user' as const, content: 'Hello!' }],
      tools: [tool],
      parallel_tool_calls: false,
    };
    for (const tool_choice of [
      'required' as const,
      { type: 'function' as const, function: { name: 'plan_trip' } },
    ]) {
      const parsed = await client.chat.completions.parse({ ...demanded, tool_choice });
      const [choice] = parsed.choices;
      expect(choice?.finish_reason).toBe('tool_calls');
      const [call] = choice?.message.tool_calls ?? [];
      expect(Asked.parse(call?.function.parsed_arguments)).toEqual(call?.function.parsed_arguments);
    }
    const stream = client.chat.completions.stream({ ...demanded, tool_choice: 'required' });
    const [call] = (await stream.finalMessage()).tool_calls ?? [];
    if (call?.type !== 'function') throw new Error('there is no call');
    expect(Asked.safeParse(JSON.parse(call.function.arguments)).success).toBe(true);
  });

  it('are run once by the runner of the client where one is demanded', async () => {
    const Asked = z.object({ city: z.enum(['Oslo', 'Rome']) });
    const asked: unknown[] = [];
    const runner = client.chat.completions.runTools({
      model: 'starter',
      temperature: 0,
      max_tokens: 200,
      messages: [question],
      parallel_tool_calls: false,
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
      tools: [
        zodFunction({
          name: 'get_weather',
          parameters: Asked,
          function: (given) => {
            asked.push(given);
            return report;
          },
        }),
      ],
    });
    await runner.done();
    expect(asked.map((given) => Asked.safeParse(given).success)).toEqual([true]);
  });
});

import OpenAI, { NotFoundError } from 'openai';
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

const model = 'starter';
const question = 'What is the capital of Japan?';
const answer = 'The capital of Japan is Tokyo.';

const weather: OpenAI.Responses.FunctionTool = {
  type: 'function',
  name: 'get_weather',
  description: 'Get the current weather of a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  strict: false,
};
const report = '{"city": "Lisbon", "temperature": 21, "condition": "sunny"}';

describe('responses with the official client', () => {
  it('are the same in one piece and as a stream', async () => {
    const whole = await client.responses.create({ model, input: question, temperature: 0 });
    expect(whole).toMatchObject({ status: 'completed', output_text: answer });
    const chat = await client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: question }],
      temperature: 0,
    });
    expect(whole.usage?.input_tokens).toBe(chat.usage?.prompt_tokens);
    expect(whole.usage?.output_tokens).toBe(chat.usage?.completion_tokens);
    const deltas: string[] = [];
    const stream = client.responses.stream({ model, input: question, temperature: 0 });
    stream.on('response.output_text.delta', ({ delta }) => deltas.push(delta));
    const streamed = await stream.finalResponse();
    expect(streamed.output_text).toBe(answer);
    expect(deltas.join('')).toBe(answer);
    expect(deltas.length).toBeGreaterThan(2);
  });

  it('call tools, and go on from the results', async () => {
    const request = { model, temperature: 0, max_output_tokens: 200, tools: [weather] };
    const input = 'What is the weather in Lisbon?';
    const called = await client.responses.create({ ...request, input });
    const call = called.output.find((item) => item.type === 'function_call');
    if (call === undefined) throw new Error('there is no call');
    expect(JSON.parse(call.arguments)).toEqual({ city: 'Lisbon' });
    const streamed = await client.responses.stream({ ...request, input }).finalResponse();
    expect(streamed.output.find((item) => item.type === 'function_call')).toMatchObject({
      name: call.name,
      arguments: call.arguments,
      status: 'completed',
    });
    const result = { type: 'function_call_output' as const, call_id: call.call_id, output: report };
    const answered = await client.responses.create({
      ...request,
      input: [result],
      previous_response_id: called.id,
    });
    expect(answered.output_text).toContain('21');
    const cut = await client.responses.create({ ...request, input, max_output_tokens: 2 });
    expect(cut).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
  });

  it('are stored, listed and deleted', async () => {
    const made = await client.responses.create({ model, input: question, temperature: 0 });
    expect((await client.responses.retrieve(made.id)).output_text).toBe(answer);
    const { data } = await client.responses.inputItems.list(made.id);
    expect(data).toMatchObject([{ role: 'user', content: [{ text: question }] }]);
    await client.responses.delete(made.id);
    await expect(client.responses.retrieve(made.id)).rejects.toThrow(NotFoundError);
  });
});

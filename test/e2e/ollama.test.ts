import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  chatAnswer,
  chatLine,
  generateAnswer,
  residenceAnswer,
} from '../../src/http/openapi/answers/ollama.js';
import { transcript } from '../http/ollama-lines.js';
import { ServerProcess } from './server-process.js';

let server: ServerProcess;

beforeAll(async () => {
  server = await ServerProcess.start();
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Get the current weather of a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const question = { role: 'user', content: 'What is the weather in Lisbon?' };
const report = '{"city": "Lisbon", "temperature": 21, "condition": "sunny"}';
const options = { temperature: 0, num_predict: 200 };

async function post(path: string, body: object): Promise<Response> {
  return fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'starter:latest', ...body }),
  });
}

async function get(path: string): Promise<{ models: Record<string, unknown>[] }> {
  return (await (await fetch(server.url + path)).json()) as { models: Record<string, unknown>[] };
}

describe('the Ollama API with the starter model', () => {
  it('lists and shows it', async () => {
    const { models } = await get('/api/tags');
    expect(models.map(({ name }) => name)).toContain('starter');
    const shown = (await (await post('/api/show', {})).json()) as Record<string, unknown>;
    expect(shown['capabilities']).toEqual(expect.arrayContaining(['completion', 'tools']));
    expect(shown['details']).toMatchObject({ format: 'gguf', parameter_size: expect.any(String) as string });
    expect(String(shown['template'])).toContain('messages');
  });

  it('loads it, chats, and unloads it', async () => {
    const load = residenceAnswer.parse(await (await post('/api/generate', { keep_alive: '10m' })).json());
    expect(load.done_reason).toBe('load');
    expect((await get('/api/ps')).models).toMatchObject([{ name: 'starter', size_vram: 0 }]);

    const messages = [{ role: 'user', content: 'What is the capital of Japan?' }];
    const whole = chatAnswer.parse(
      await (await post('/api/chat', { messages, options, stream: false })).json(),
    );
    expect(whole.message.content).toContain('Tokyo');
    const streamed = await transcript(await post('/api/chat', { messages, options }), chatLine);
    expect(streamed.map(({ message }) => message.content).join('')).toBe(whole.message.content);
    expect(streamed.length).toBeGreaterThan(3);
    expect(streamed.at(-1)).toMatchObject({ done_reason: 'stop', eval_count: whole.eval_count });
    const prompt = messages[0]?.content;
    const generated = await (await post('/api/generate', { prompt, options, stream: false })).json();
    expect(generateAnswer.parse(generated).response).toBe(whole.message.content);

    const unload = residenceAnswer.parse(await (await post('/api/generate', { keep_alive: 0 })).json());
    expect(unload.done_reason).toBe('unload');
    expect((await get('/api/ps')).models).toEqual([]);
  });

  it('calls tools, and makes their results into an answer', async () => {
    const body = { tools: [weather], options, stream: false };
    const called = chatAnswer.parse(
      await (await post('/api/chat', { ...body, messages: [question] })).json(),
    );
    expect(called.message.tool_calls).toMatchObject([
      { function: { name: 'get_weather', arguments: { city: 'Lisbon' } } },
    ]);
    const result = { role: 'tool', tool_name: 'get_weather', content: report };
    const messages = [question, called.message, result];
    const answered = chatAnswer.parse(await (await post('/api/chat', { ...body, messages })).json());
    expect(answered.message.content).toContain('21');
  });
});

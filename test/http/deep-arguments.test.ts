import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeServer } from './fake-server.js';
import { lines } from './ollama-lines.js';

const brackets = '['.repeat(300) + ']'.repeat(300);
const says = `<tool_call>{"name": "look", "arguments": {"a": ${brackets}}}</tool_call>`;
const parameters = { type: 'object' };
const messages = [{ role: 'user', content: 'Hi' }];
const chat = {
  model: 'fake',
  messages,
  tools: [{ type: 'function', function: { name: 'look', parameters } }],
};

let server: FakeServer;

beforeAll(async () => {
  const chatTemplate =
    '{%- for tool in tools or [] %}{{ tool | tojson }}{%- endfor %}{%- for m in messages %}{{ m.content }}{%- endfor %}{#- <tool_call> #}';
  const query = new URLSearchParams({ chatTemplate, scriptedText: says });
  server = await FakeServer.start({ fake: `fake:?${query.toString()}` });
});

afterAll(async () => server.stop());

test('a call that is nested too deeply for an answer is the text of it: Anthropic', async () => {
  const response = await server.post('/v1/messages', {
    model: 'fake',
    messages,
    tools: [{ name: 'look', input_schema: parameters }],
    max_tokens: 1500,
  });
  expect(await response.json()).toMatchObject({
    content: [{ type: 'text', text: says }],
    stop_reason: 'end_turn',
  });
});

test('a call that is nested too deeply for an answer is the text of it: Ollama', async () => {
  const response = await server.post('/api/chat', { ...chat, stream: false });
  expect(await response.json()).toMatchObject({ message: { content: says }, done_reason: 'stop' });
  let streamed = '';
  for await (const line of lines(await server.post('/api/chat', chat)))
    streamed += (line as { message: { content: string } }).message.content;
  expect(streamed).toBe(says);
});

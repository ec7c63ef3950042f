import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeServer } from './fake-server.js';

/*
 * Clients whose messages are objects with a field for everything send null where there is nothing: so it counts as not sent
 * there too.
 */

const chatTemplate =
  '{%- if tools %}<tool_call>{{ tools | tojson }}</tool_call>{% endif %}' +
  '{%- for message in messages %}{{ message.content }}{% endfor %}';

let server: FakeServer;

beforeAll(async () => {
  server = await FakeServer.start({
    fake: `fake:?endAfter=2&chatTemplate=${encodeURIComponent(chatTemplate)}`,
  });
});
afterAll(async () => server.stop());

const user = { role: 'user', content: 'Hi' };
const look = { name: 'look', parameters: { type: 'object', properties: {} } };

/** As Python's `message.model_dump()` writes an answer. */
const dumped = {
  content: 'Yes',
  refusal: null,
  role: 'assistant',
  annotations: null,
  audio: null,
  function_call: null,
  tool_calls: null,
};

const chat = (more: object): object => ({ model: 'fake', messages: [user], max_tokens: 2, ...more });

test.each<[path: string, body: object]>([
  ['/v1/chat/completions', chat({ messages: [user, dumped, user] })],
  ['/v1/chat/completions', chat({ messages: [{ ...user, name: null }] })],
  [
    '/v1/chat/completions',
    chat({ messages: [{ ...user, content: [{ type: 'text', text: 'a', x: null }] }] }),
  ],
  [
    '/v1/chat/completions',
    chat({ tools: [{ type: 'function', function: { ...look, description: null } }], stream_options: null }),
  ],
  ['/v1/chat/completions', chat({ stream_options: { include_usage: null } })],
  ['/v1/messages', chat({ tools: [{ name: 'look', input_schema: look.parameters, description: null }] })],
  [
    '/v1/messages',
    chat({ messages: [{ role: 'user', content: [{ type: 'text', text: 'a', title: null }] }] }),
  ],
  [
    '/v1/responses',
    {
      model: 'fake',
      max_output_tokens: 2,
      input: [
        { type: null, ...user },
        { type: 'function_call', call_id: 'a', name: 'look', arguments: '{}', namespace: null },
        { type: 'function_call_output', call_id: 'a', output: '5', caller: null },
      ],
    },
  ],
  [
    '/api/chat',
    { model: 'fake', stream: false, messages: [{ ...user, tool_plan: null }], options: { x: null } },
  ],
])('%s takes %j', async (path, body) => {
  const response = await server.post(path, body);
  expect({ status: response.status, text: await response.text() }).toMatchObject({ status: 200 });
});

test('what is needed must not be null, at any depth', async () => {
  const response = await server.post(
    '/v1/chat/completions',
    chat({ messages: [{ ...user, content: null }] }),
  );
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    error: { code: 'invalid_parameter', param: 'messages[0].content' },
  });
});

test('a schema is read as it was sent, with its nulls', async () => {
  const schema = { type: 'object', properties: { a: { enum: [null] } }, required: ['a'], default: null };
  const form = { type: 'json_schema', json_schema: { name: 'a', schema, description: null } };
  const response = await server.post('/v1/chat/completions', chat({ response_format: form, max_tokens: 40 }));
  expect(response.status).toBe(200);
  const wrong = { ...form, json_schema: { ...form.json_schema, schema: { ...schema, properties: null } } };
  const refused = await server.post('/v1/chat/completions', chat({ response_format: wrong }));
  expect({ status: refused.status, text: await refused.text() }).toMatchObject({ status: 400 });
});

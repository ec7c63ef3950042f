import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeServer } from '../fake-server.js';
import { documented } from '../openapi/documented.js';
import { messageSchema, type MessageEvent } from '../../../src/http/openapi/answers/messages.js';
import { messageTranscript, transcriptText } from './anthropic-transcript.js';

const template = [
  '{%- for tool in tools or [] %}{{ tool | tojson }}{%- endfor %}',
  "{%- for m in messages %}{{ '[' + m.role + ']' + m.content }}{%- endfor %}",
  "{{ '[assistant]' }}{#- <think> </think> <tool_call> #}",
].join('');

const call = '<tool_call>\n{"name": "look", "arguments": {"at": "ä"}}\n</tool_call>';
const tools = [{ name: 'look', input_schema: { type: 'object', properties: { at: { type: 'string' } } } }];

interface Variant {
  readonly name: string;
  readonly says: string;
  readonly body?: object;
}

const variants: readonly Variant[] = [
  { name: 'text', says: 'Hi €' },
  { name: 'nothing', says: '' },
  { name: 'thinking', says: '<think>Hm</think>Yes' },
  {
    name: 'omitted thinking',
    says: '<think>Hm</think>Yes',
    body: { thinking: { type: 'adaptive', display: 'omitted' } },
  },
  { name: 'call', says: `<think>Hm</think>So\n${call}`, body: { tools } },
  { name: 'calls', says: `${call}\n${call}`, body: { tools } },
  {
    name: 'call held back',
    says: call,
    body: { tools: [{ ...tools[0], eager_input_streaming: false }] },
  },
  { name: 'malformed call', says: '<tool_call>\n{"name": "look", "arguments": {"at": ?', body: { tools } },
  {
    name: 'malformed call held back',
    says: '<tool_call>\n{"name": "look", "arguments": {"at": ?',
    body: { tools: [{ ...tools[0], eager_input_streaming: false }] },
  },
  { name: 'stop sequence', says: 'One, two', body: { stop_sequences: ['two', ','] } },
  { name: 'max tokens', says: 'One, two', body: { max_tokens: 2 } },
  { name: 'call cut off', says: call, body: { tools, max_tokens: call.indexOf('ä') - 2 } },
  { name: 'full context', says: 'x'.repeat(40), body: { max_tokens: 200 } },
];

let server: FakeServer;

beforeAll(async () => {
  const urls = variants.map(({ name, says }): [string, string] => {
    const query = new URLSearchParams({ chatTemplate: template, scriptedText: says });
    return [name.replaceAll(' ', '-'), `fake:?${query.toString()}`];
  });
  server = documented(
    await FakeServer.start(Object.fromEntries(urls), {
      contextSize: 768,
      batchSize: 512,
      speculation: 'off',
    }),
  );
});

afterAll(async () => server.stop());

async function ask({ name, body }: Variant, stream: boolean): Promise<Response> {
  return server.post('/v1/messages', {
    model: name.replaceAll(' ', '-'),
    // Fills the context, but for some tokens.
    messages: [{ role: 'user', content: name === 'full context' ? 'Hi'.padEnd(730, '.') : 'Hi' }],
    max_tokens: 500,
    ...body,
    stream,
  });
}

/** What a client makes of a stream. */
function assembled(events: readonly MessageEvent[]): object {
  const content: Record<string, unknown>[] = [];
  const json: string[] = [];
  let message: Record<string, unknown> = {};
  for (const event of events) {
    const block = content.at(-1) ?? {};
    if (event.type === 'message_start') message = { ...event.message };
    else if (event.type === 'content_block_start') {
      content.push({ ...event.content_block });
      json.push('');
    } else if (event.type === 'content_block_delta') {
      const { delta } = event;
      if (delta.type === 'text_delta') block['text'] = String(block['text']) + delta.text;
      else if (delta.type === 'thinking_delta')
        block['thinking'] = String(block['thinking']) + delta.thinking;
      else if (delta.type === 'signature_delta') block['signature'] = delta.signature;
      else json[json.length - 1] += delta.partial_json;
    } else if (event.type === 'message_delta') {
      const usage = { ...(message['usage'] as object), ...event.usage };
      message = { ...message, ...event.delta, usage };
    }
  }
  const blocks = content.map((block, at) =>
    block['type'] === 'tool_use' ? { ...block, input: JSON.parse(json[at] || '{}') as unknown } : block,
  );
  return { ...message, content: blocks };
}

describe('a message', () => {
  it.each(variants)('streamed has the published events: $name', async (variant) => {
    const events = await messageTranscript(await ask(variant, true));
    await expect(transcriptText(events)).toMatchFileSnapshot(
      `anthropic/${variant.name.replaceAll(' ', '-')}.jsonl`,
    );
  });

  it.each(variants)('that is whole has the published shape: $name', async (variant) => {
    const response = await ask(variant, false);
    const message = messageSchema.parse(await response.json());
    expect(message.model).toBe(variant.name.replaceAll(' ', '-'));
  });

  const same = variants.filter(({ name }) => name !== 'call cut off' && name !== 'malformed call');
  it.each(same)('says the same streamed and whole: $name', async (variant) => {
    const streamed = assembled(await messageTranscript(await ask(variant, true)));
    const whole = messageSchema.parse(await (await ask(variant, false)).json());
    const known = (message: object): object =>
      JSON.parse(JSON.stringify(message).replaceAll(/"(?:msg|call)_\w{24}"/g, '"ID"')) as object;
    const { usage: _, ...told } = known(streamed) as { usage: object };
    expect(told).toEqual({ ...known(whole), usage: undefined });
  });
});

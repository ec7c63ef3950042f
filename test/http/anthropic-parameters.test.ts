import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messagesNeutral, messagesSchema } from '../../src/http/anthropic/messages-schema.js';
import { FakeServer } from './fake-server.js';

/*
 * Every parameter that the published types of the Anthropic API know is in the table of docs/api.md, with what is done with
 * it; and that is what is done.
 */

const types = readFileSync('node_modules/@anthropic-ai/sdk/resources/messages/messages.d.ts', 'utf8');

/** The fields of a published interface. */
function fieldsOf(name: string): string[] {
  const body = new RegExp(`^export interface ${name} \\{\n([\\s\\S]*?)^\\}`, 'm').exec(types)?.[1] ?? '';
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, field = '']) => field);
}

const published = fieldsOf('MessageCreateParamsBase');
const counted = fieldsOf('MessageCountTokensParams');
/** Sent by agents, but not in the types: earlier ones had them, or those of betas do. */
const unpublished = ['temperature', 'top_p', 'top_k', 'context_management', 'mcp_servers', 'output_format'];

/** What the table says of each parameter. */
function documented(): ReadonlyMap<string, string> {
  const [, section = ''] = readFileSync('docs/api.md', 'utf8').split('### Messages, compared\n');
  const [table = ''] = section.split('\n\n**Messages.**');
  const rows = [...table.matchAll(/^\| (`.+?`) \| (\w*) \|/gm)];
  return new Map(
    rows.flatMap(([, names = '', what = '']) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, name = '']): [string, string] => [name, what]),
    ),
  );
}

const tool = { name: 'look', input_schema: { type: 'object' } };
const mark = { type: 'ephemeral', ttl: '1h' };

/** A value of each parameter that asks for something. */
const samples: Readonly<Record<string, unknown>> = {
  cache_control: mark,
  container: 'one',
  context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
  diagnostics: { previous_message_id: 'msg_1' },
  inference_geo: 'eu',
  max_tokens: 3,
  mcp_servers: [{ type: 'url', name: 'x', url: 'http://127.0.0.1:1' }],
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi', cache_control: mark }] }],
  metadata: { user_id: 'someone' },
  model: 'fake',
  output_config: { effort: 'low', format: { type: 'json_schema', schema: { type: 'boolean' } } },
  output_format: { type: 'json_schema', schema: { type: 'boolean' } },
  service_tier: 'standard_only',
  speed: 'standard',
  stop_sequences: ['x'],
  stream: true,
  system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
  temperature: 0.5,
  thinking: { type: 'disabled' },
  tool_choice: { type: 'auto', disable_parallel_tool_use: true },
  tools: [tool],
  top_k: 5,
  top_p: 0.5,
};
const headers: Readonly<Record<string, string>> = {
  user_profile_id: 'anthropic-user-profile-id',
  workspace_id: 'anthropic-workspace-id',
};

let server: FakeServer;

beforeAll(async () => {
  const chatTemplate =
    '{%- if tools %}<tool_call>{{ tools | tojson }}</tool_call>{% endif %}{{ reasoning_effort }}' +
    '{%- for message in messages %}{{ message.content }}{% endfor %}{#- <think> </think> #}';
  server = await FakeServer.start({
    fake: `fake:?${new URLSearchParams({ chatTemplate }).toString()}&endAfter=4`,
  });
});

afterAll(async () => server.stop());

async function ask(path: string, body: object, header: object = {}): Promise<[number, string]> {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...header },
    body: JSON.stringify({ model: 'fake', messages: [{ role: 'user', content: 'Hi' }], ...body }),
  });
  return [response.status, await response.text()];
}

describe('the table of docs/api.md', () => {
  it('has every published parameter, and says of each that it is honoured or refused', () => {
    expect(published.length).toBeGreaterThan(15);
    const table = documented();
    expect([...table.keys()].toSorted()).toEqual([...published, ...unpublished].toSorted());
    expect(new Set(table.values())).toEqual(new Set(['honoured', 'refused']));
    expect(counted.filter((name) => !table.has(name))).toEqual([]);
  });

  it('has every parameter that the schema knows', () => {
    const known = Object.keys({ ...messagesSchema.shape, ...messagesNeutral });
    expect(known.filter((name) => !documented().has(name))).toEqual([]);
  });
});

describe('a message', () => {
  it.each([...documented()])('with %s: it is %s', async (name, what) => {
    const header = headers[name];
    const sample = header === undefined ? { [name]: samples[name] } : {};
    const sent = header === undefined ? {} : { [header]: 'x' };
    expect(header === undefined ? samples[name] : header).toBeDefined();
    const [status, text] = await ask('/v1/messages', { max_tokens: 5, ...sample }, sent);
    expect([status, text]).toEqual([what === 'honoured' ? 200 : 400, expect.any(String)]);
    const told = what === 'refused' ? (header ?? name) : '';
    expect(text).toContain(told);
  });

  it.each([
    ['max_tokens', { max_tokens: undefined }],
    ['max_tokens', { max_tokens: 0 }],
    ['temperature', { temperature: 1.5 }],
    ['speed', { speed: 'fast' }],
    ['tool_choice', { tool_choice: { type: 'any' } }],
    ['tool_choice.name', { tools: [tool], tool_choice: { type: 'tool', name: 'other' } }],
    [
      'tools[0].input_schema.properties.a.not',
      {
        tools: [{ ...tool, strict: true, input_schema: { type: 'object', properties: { a: { not: {} } } } }],
      },
    ],
    ['tools[0].defer_loading', { tools: [{ ...tool, defer_loading: true }] }],
    ['tools[0].type', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    ['tools[1].name', { tools: [tool, tool] }],
    ['thinking.budget_tokens', { max_tokens: 10, thinking: { type: 'enabled', budget_tokens: 10 } }],
    ['thinking.type', { thinking: { type: 'between_tools' } }],
    ['context_management.edits[0].type', { context_management: { edits: [{ type: 'compact_20260112' }] } }],
    [
      'messages[0].content[0].type',
      { messages: [{ role: 'user', content: [{ type: 'image', source: {} }] }] },
    ],
    [
      'messages[1].content[0].type',
      {
        messages: [
          { role: 'user', content: 'Hi' },
          { role: 'assistant', content: [{ type: 'redacted_thinking', data: 'x' }] },
        ],
      },
    ],
    ['fallbacks', { fallbacks: {} }],
  ])('is refused with the path: %s', async (path, body) => {
    const [status, text] = await ask('/v1/messages', { max_tokens: 5, ...body });
    expect(status).toBe(400);
    const answer = JSON.parse(text) as { type: string; error: { type: string; message: string } };
    expect(answer).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
    expect(answer.error.message).toContain(path);
  });

  it('needs no version, but takes none from before today’s streams', async () => {
    const version = (text: string): object => ({ 'anthropic-version': text, 'anthropic-beta': 'one,two' });
    expect((await ask('/v1/messages', { max_tokens: 1 }, version('2023-06-01')))[0]).toBe(200);
    expect((await ask('/v1/messages', { max_tokens: 1 }, version('2026-10-21')))[0]).toBe(200);
    expect((await ask('/v1/messages', { max_tokens: 1 }, version('2023-01-01')))[0]).toBe(400);
  });
});

describe('counting tokens', () => {
  it.each(counted)('takes what makes the prompt: %s', async (name) => {
    const [status, text] = await ask('/v1/messages/count_tokens', { [name]: samples[name] });
    expect([status, text]).toEqual([200, expect.stringMatching(/^\{"input_tokens":\d+\}$/)]);
  });

  it('refuses a text that no context holds, without tokenizing it', async () => {
    const messages = [{ role: 'user', content: 'x'.repeat(2 ** 20) }];
    const [status, text] = await ask('/v1/messages/count_tokens', { messages });
    expect([status, text]).toEqual([400, expect.stringContaining('no text of that length fits')]);
  });

  it('does not take what does not', async () => {
    expect((await ask('/v1/messages/count_tokens', { stream: true }))[0]).toBe(400);
  });
});

import Anthropic, {
  APIUserAbortError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
} from '@anthropic-ai/sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { events, FakeServer } from './fake-server.js';
import { messageEvents } from './golden/anthropic-transcript.js';

/** Writes all that it is given, so that tests can see what the model reads. */
const template = [
  "{%- if tools %}{{ '[tools]' + (tools | tojson) }}<tool_call></tool_call>{% endif %}",
  "{%- for m in messages %}{{ '[' + m.role + ']' + (m.reasoning_content or '') + '|' + m.content }}",
  "{%- for c in m.tool_calls or [] %}{{ '<tool_call>' + c.function.name + (c.function.arguments | tojson) }}{%- endfor %}",
  "{%- endfor %}{{ '[assistant]' }}{%- if enable_thinking is defined and not enable_thinking %}{{ '(no thinking)' }}{% endif %}",
  '{#- <think> </think> #}',
].join('');

const look: Anthropic.Tool = {
  name: 'look',
  description: 'Looks at a place',
  input_schema: { type: 'object', properties: { at: { type: 'string' } }, required: ['at'] },
};
const call = '<tool_call>\n{"name": "look", "arguments": {"at": "Rome"}}\n</tool_call>';
const hi = [{ role: 'user' as const, content: 'Hi' }];

let server: FakeServer;
afterEach(async () => server.stop());

async function start(
  parts: { text?: string; scripts?: [string, string][]; template?: string; more?: string },
  settings: Parameters<typeof FakeServer.start>[1] = {},
  options: Parameters<typeof FakeServer.start>[2] = {},
): Promise<Anthropic> {
  const query = new URLSearchParams({ chatTemplate: parts.template ?? template });
  if (parts.text !== undefined) query.set('scriptedText', parts.text);
  if (parts.scripts !== undefined) query.set('scripts', JSON.stringify(parts.scripts));
  server = await FakeServer.start(
    { fake: `fake:?${query.toString()}${parts.more ?? ''}` },
    { batchSize: 1024, ...settings },
    options,
  );
  return new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 });
}

const request = { model: 'fake', max_tokens: 200, messages: hi };

describe('the official client', () => {
  it('gets a message', async () => {
    const client = await start({ text: 'Hello.' });
    const message = await client.messages.create(request);
    expect(message.content).toEqual([{ type: 'text', text: 'Hello.', citations: null }]);
    expect(message).toMatchObject({ model: 'fake', stop_reason: 'end_turn', stop_sequence: null });
  });

  it('puts a stream together', async () => {
    const client = await start({ text: `<think>Hm.</think>So:\n${call}` });
    const stream = client.messages.stream({ ...request, tools: [look] });
    const told: Record<string, string> = { text: '', thinking: '', inputJson: '' };
    for (const name of ['text', 'thinking', 'inputJson'] as const)
      stream.on(name, (more: string) => (told[name] += more));
    const message = await stream.finalMessage();
    expect(told).toEqual({ text: 'So:', thinking: 'Hm.', inputJson: '{"at": "Rome"}' });
    expect(message.content).toMatchObject([
      { type: 'thinking', thinking: 'Hm.' },
      { type: 'text', text: 'So:' },
      { type: 'tool_use', name: 'look', input: { at: 'Rome' } },
    ]);
    expect(message.stop_reason).toBe('tool_use');
    const counted = await client.messages.countTokens({ model: 'fake', messages: hi, tools: [look] });
    expect(message.usage.input_tokens).toBe(counted.input_tokens);
    expect(message.usage.output_tokens_details?.thinking_tokens).toBeGreaterThan(0);
  });

  it('gives results of tools back, with the thinking before the call', async () => {
    const client = await start({
      scripts: [
        ['[tool]|Error: no such place', 'I could not look.'],
        ['[tool]|sunny', 'It is sunny.'],
        ['[user]', `<think>Where?</think>${call}`],
      ],
    });
    const called = await client.messages.create({ ...request, tools: [look] });
    const use = called.content.find((block) => block.type === 'tool_use');
    if (use === undefined) throw new Error('there is no call');
    const answer = async (content: string, isError: boolean): Promise<unknown> => {
      const result = { type: 'tool_result' as const, tool_use_id: use.id, content, is_error: isError };
      const messages = [
        ...hi,
        { role: 'assistant' as const, content: called.content },
        { role: 'user' as const, content: [result] },
      ];
      return (await client.messages.create({ ...request, tools: [look], messages })).content[0];
    };
    expect(await answer('sunny', false)).toMatchObject({ text: 'It is sunny.' });
    expect(await answer('no such place', true)).toMatchObject({ text: 'I could not look.' });
  });

  it('throws errors of its own classes', async () => {
    const client = await start({ text: 'Hi', more: '&failAtDecode=2' });
    await expect(client.messages.create({ ...request, model: 'other' })).rejects.toBeInstanceOf(
      NotFoundError,
    );
    await expect(client.messages.create({ ...request, max_tokens: 0 })).rejects.toBeInstanceOf(
      BadRequestError,
    );
    await expect(client.models.retrieve('other')).rejects.toMatchObject({ type: 'not_found_error' });
    const failed = client.messages.create(request);
    await expect(failed).rejects.toBeInstanceOf(InternalServerError);
    await expect(failed).rejects.toMatchObject({
      type: 'api_error',
      requestID: expect.stringMatching(/^req_/),
    });
  });

  it('learns of an error in the middle of a stream', async () => {
    const client = await start({ text: 'Hello', more: '&failAtDecode=3' });
    const failed = client.messages.stream(request).finalMessage();
    await expect(failed).rejects.toMatchObject({ type: 'api_error' });
  });

  it('ends the work when it aborts', async () => {
    const client = await start({ text: 'x'.repeat(150) });
    server.gate.hold();
    const stream = client.messages.stream(request);
    await server.gate.reached(1);
    server.gate.release(8);
    await new Promise<void>((resolve) => stream.once('text', () => resolve()));
    stream.abort();
    await expect(stream.done()).rejects.toBeInstanceOf(APIUserAbortError);
    while (server.openResponses > 0) await new Promise((resolve) => setImmediate(resolve));
    const engine = await server.engine('fake');
    server.gate.open();
    while (engine.pendingRequests > 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await engine.inspect()).running).toBe(0);
  });

  it('lists models, page by page', async () => {
    server = await FakeServer.start({ a: 'fake:?', b: 'fake:?', c: 'fake:?' });
    const client = new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 });
    const ids: string[] = [];
    for await (const model of client.models.list({ limit: 2 })) ids.push(model.id);
    expect(ids).toEqual(['a', 'b', 'c']);
    expect((await client.models.list({ lifecycle: ['retired'] })).data).toEqual([]);
    expect(await client.models.retrieve('b')).toMatchObject({ type: 'model', id: 'b', max_tokens: null });
    await client.messages.create({ ...request, model: 'b', max_tokens: 1 });
    expect(await client.models.retrieve('b')).toMatchObject({ max_input_tokens: 2048 });
  });
});

describe('thinking', () => {
  it('is switched off where it is disabled', async () => {
    const client = await start({
      scripts: [
        ['(no thinking)', 'Off'],
        ['[user]', 'On'],
      ],
    });
    const text = async (thinking: Anthropic.ThinkingConfigParam): Promise<unknown> =>
      (await client.messages.create({ ...request, thinking })).content[0];
    expect(await text({ type: 'disabled' })).toMatchObject({ text: 'Off' });
    expect(await text({ type: 'adaptive' })).toMatchObject({ text: 'On' });
  });

  it('ends with its budget, which counts as generated', async () => {
    const client = await start({ text: `<think>${'a'.repeat(60)}</think>Yes.` });
    const thinking = { type: 'enabled' as const, budget_tokens: 20 };
    const { content, usage } = await client.messages.create({ ...request, thinking });
    const [first] = content;
    if (first?.type !== 'thinking') throw new Error('there is no thinking');
    expect(first.thinking.length).toBeLessThanOrEqual(20);
    expect(usage.output_tokens_details?.thinking_tokens).toBeLessThan(40);
  });

  it('that was omitted is there in the next turn', async () => {
    const client = await start({
      scripts: [
        ['[assistant]Rome it is|', 'You asked again.'],
        ['[user]', '<think>Rome it is</think>Where?'],
      ],
    });
    const thinking = { type: 'adaptive' as const, display: 'omitted' as const };
    const stream = client.messages.stream({ ...request, thinking });
    const { content } = await stream.finalMessage();
    expect(content[0]).toMatchObject({ type: 'thinking', thinking: '' });
    const again = { role: 'user' as const, content: 'Again' };
    const messages = [...hi, { role: 'assistant' as const, content }, again];
    const next = await client.messages.create({ ...request, messages, thinking });
    expect(next.content[0]).toMatchObject({ text: 'You asked again.' });
  });
});

describe('a conversation', () => {
  it('goes on from the text that it ends with', async () => {
    const client = await start({
      scripts: [
        ['[assistant]The answer is', ' 42'],
        ['[user]', 'None'],
      ],
    });
    const messages = [...hi, { role: 'assistant' as const, content: 'The answer is' }];
    const message = await client.messages.create({ ...request, messages });
    expect(message.content).toMatchObject([{ text: ' 42' }]);
    const { input_tokens: count } = await client.messages.countTokens({ model: 'fake', messages });
    expect(message.usage.input_tokens).toBe(count);
  });

  it('can not be gone on with where the prompt begins the reasoning', async () => {
    const client = await start({ text: 'x', template: `${template}{{ '<think>' }}` });
    const messages = [...hi, { role: 'assistant' as const, content: 'So' }];
    await expect(client.messages.create({ ...request, messages })).rejects.toThrow('begins with reasoning');
  });

  it('loses the thinking of turns that are to be cleared', async () => {
    const client = await start({
      scripts: [
        ['first', 'both'],
        ['second', 'the last'],
        ['[user]', 'none'],
      ],
    });
    const turn = (thinking: string) => [
      { role: 'user' as const, content: 'Hi' },
      {
        role: 'assistant' as const,
        content: [
          { type: 'thinking' as const, thinking, signature: 'any' },
          { type: 'text' as const, text: 'Yes' },
        ],
      },
    ];
    const messages = [...turn('first'), ...turn('second'), ...hi];
    const ask = async (keep: 'all' | { type: 'thinking_turns'; value: number }): Promise<unknown> => {
      const edits = [{ type: 'clear_thinking_20251015' as const, keep }];
      const body = { ...request, messages, context_management: { edits } };
      return (await client.beta.messages.create({ ...body, betas: ['context-management-2025-06-27'] }))
        .content[0];
    };
    expect(await ask('all')).toMatchObject({ text: 'both' });
    expect(await ask({ type: 'thinking_turns', value: 1 })).toMatchObject({ text: 'the last' });
  });

  it('of an agent is as it sends it: billing header, marks, metadata, betas', async () => {
    const client = await start({
      scripts: [
        ['x-anthropic-billing-header', 'Header'],
        ['[system]|You are', 'Fine'],
      ],
    });
    const marked = { cache_control: { type: 'ephemeral' as const, ttl: '1h' as const } };
    const message = await client.beta.messages.create({
      ...request,
      system: [
        { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.177.01c; cch=36ee5;' },
        { type: 'text', text: 'You are an agent.', ...marked },
      ],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi', ...marked }] }],
      tools: [{ ...look, ...marked, eager_input_streaming: true }],
      metadata: { user_id: '{"device_id":"x","session_id":"y"}' },
      thinking: { type: 'adaptive' },
      temperature: 1,
      context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
      betas: ['claude-code-20250219', 'interleaved-thinking-2025-05-14'],
    } as Anthropic.Beta.MessageCreateParamsNonStreaming);
    expect(message.content).toMatchObject([{ text: 'Fine' }]);
  });
});

describe('usage', () => {
  const long = 'A long system prompt. '.repeat(12);
  const system = [{ type: 'text' as const, text: long, cache_control: { type: 'ephemeral' as const } }];

  it('counts each token of the prompt as read, created or plain', async () => {
    const client = await start({ text: 'Hi' });
    const count = async (content: string): Promise<Anthropic.Usage> =>
      (await client.messages.create({ ...request, system, messages: [{ role: 'user', content }] })).usage;
    const { input_tokens: all } = await client.messages.countTokens({ model: 'fake', messages: hi, system });
    const first = await count('Hi');
    const tail = '[user]|Hi[assistant]'.length;
    expect(first).toMatchObject({ cache_read_input_tokens: 0, input_tokens: tail + 1 });
    expect(first.cache_creation_input_tokens).toBe(all - tail - 1);
    const second = await count('Ho');
    expect(second.cache_read_input_tokens).toBeGreaterThan(long.length - 1);
    expect(second.cache_creation_input_tokens).toBe(0);
    expect(second.input_tokens + (second.cache_read_input_tokens ?? 0)).toBe(all);
  });

  it('without marks has nothing created', async () => {
    const client = await start({ text: 'Hi' });
    const { usage } = await client.messages.create({ ...request, system: long });
    expect(usage.cache_creation_input_tokens).toBe(0);
    expect(usage.input_tokens).toBeGreaterThan(long.length);
  });
});

describe('a stream', () => {
  it('has pings while the engine works for others, and none while it does nothing', async () => {
    await start({ text: 'x'.repeat(150) }, { slots: 1 }, { pingInterval: 5 });
    server.gate.hold();
    const first = await server.post('/v1/messages', { ...request, stream: true });
    await server.gate.reached(1);
    const second = server.post('/v1/messages', { ...request, stream: true });
    const engine = await server.engine('fake');
    while (engine.pendingRequests < 2) await new Promise((resolve) => setImmediate(resolve));
    server.gate.release();
    await server.gate.reached(2);
    const waiting = messageEvents(await second);
    expect((await waiting.next()).value).toMatchObject({ type: 'message_start' });
    const next = waiting.next();
    let came = false;
    void next.then(() => (came = true));
    // Many intervals without a step.
    for (let count = 0; count < 20; count++) await new Promise((resolve) => setTimeout(resolve, 5));
    const silent = !came;
    server.gate.release(4);
    expect((await next).value).toEqual({ type: 'ping' });
    expect(silent).toBe(true);
    server.gate.open();
    for await (const event of events(first)) expect(event).not.toContain('"error"');
    for await (const event of waiting) expect(event.type).not.toBe('error');
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CallCommand, EngineCommand } from '../../src/engine/protocol.js';
import { InMemoryTransport } from '../../src/testing/in-memory-transport.js';
import { FakeServer } from './fake-server.js';

type ProbeCommand = Extract<CallCommand, { type: 'probe' }>;

/** Remembers what its engine was asked to look up. */
class WatchedTransport extends InMemoryTransport {
  readonly probes: ProbeCommand[] = [];

  override post(command: EngineCommand): void {
    if (command.type === 'probe') this.probes.push(command);
    super.post(command);
  }
}

interface Side {
  before: string;
  after: string;
  message: { index: number; role: string } | null;
}

interface Answer {
  model: string;
  prompt: { tokens: number; held: object; rules_applied: string[] };
  against: { tokens: number; rules_applied: string[] };
  common: { tokens: number; blocks: number; block_tokens: number };
  difference: { token: number; character: number; prompt: Side; against: Side } | null;
  error: { code: string; param: string | null };
}

let server: FakeServer;
let probes: ProbeCommand[];

beforeEach(async () => {
  server = await FakeServer.start(
    { fake: 'fake:?', mute: 'fake:?chatTemplate=none' },
    {},
    {
      makeTransport: (parts) => {
        const transport = new WatchedTransport(parts);
        ({ probes } = transport);
        return transport;
      },
    },
  );
});

afterEach(async () => server.stop());

async function probe(body: object, status = 200): Promise<Answer> {
  const response = await server.post('/admin/cache/probe', { model: 'fake', ...body });
  expect(response.status).toBe(status);
  return (await response.json()) as Answer;
}

const bytes = (text: string): number[] => [...new TextEncoder().encode(text)];
const user = (content: string): object => ({ role: 'user', content });
const system = (content: string): object => ({ role: 'system', content });

describe('POST /admin/cache/probe', () => {
  it('asks the engine for the tokens that a request with this prompt would have, and its salt', async () => {
    const answer = await probe({ prompt: 'Hi <bos>', cache_salt: 'mine' });
    expect(answer).toEqual({
      model: 'fake',
      prompt: { tokens: 5, held: { device: 0, host: 0, disk: 0 }, rules_applied: [] },
    });
    await probe({ messages: [user('Hi')] });
    const [first, second] = probes;
    expect(first).toMatchObject({ tokens: [256, ...bytes('Hi '), 256], salt: 'mine' });
    expect(second).toMatchObject({ tokens: [256, ...bytes('[user] Hi\n[assistant] ')], salt: '' });
  });

  it('says where two chats first differ, in tokens and text, and in which message', async () => {
    const history = [system('You are kind.'), user('Tell me a story.')];
    const { common, difference, prompt } = await probe({
      messages: [...history, { role: 'assistant', content: 'Once there was a cat.' }, user('More')],
      against: { messages: [...history, { role: 'assistant', content: 'Once there was a dog.' }] },
    });
    const shared = '[system] You are kind.\n[user] Tell me a story.\n[assistant] Once there was a ';
    expect(common).toEqual({ tokens: shared.length + 1, blocks: 1, block_tokens: 64 });
    expect(difference).toEqual({
      token: shared.length + 1,
      character: shared.length,
      prompt: {
        before: shared,
        after: 'cat.\n[user] More\n[assistant] ',
        message: { index: 2, role: 'assistant' },
      },
      against: { before: shared, after: 'dog.\n[assistant] ', message: { index: 2, role: 'assistant' } },
    });
    expect(prompt.tokens).toBeGreaterThan(common.tokens);
  });

  it('sees prompts as they are after the rules, and counts messages as they were sent', async () => {
    const header = (hash: string): object => system(`x-anthropic-billing-header: cc_version=1; cch=${hash};`);
    const messages = [header('36ee5'), system('You are kind.'), user('Hi')];
    const same = await probe({ messages, against: { messages: [header('0aaa9'), ...messages.slice(1)] } });
    expect(same.difference).toBeNull();
    expect(same.common.tokens).toBe(same.prompt.tokens);
    expect(same.prompt.rules_applied).toEqual(['billing_header']);

    const { difference, against } = await probe({
      messages,
      against: { messages: [system('You are cold.'), user('Hi')] },
    });
    expect(against.rules_applied).toEqual([]);
    expect(difference?.prompt).toMatchObject({
      after: expect.stringMatching(/^kind/) as string,
      message: { index: 1 },
    });
    expect(difference?.against).toMatchObject({
      after: expect.stringMatching(/^cold/) as string,
      message: { index: 0 },
    });
  });

  it('says of a prompt that goes on from another where the other ends', async () => {
    const { common, difference } = await probe({
      prompt: 'once upon',
      against: { prompt: 'once upon a time' },
    });
    expect(common.tokens).toBe(10);
    expect(difference).toEqual({
      token: 10,
      character: 9,
      prompt: { before: 'once upon', after: '', message: null },
      against: { before: 'once upon', after: ' a time', message: null },
    });
  });

  it('tells characters of several tokens apart by their first token that differs', async () => {
    const { difference } = await probe({ prompt: 'a\u{1F600}', against: { prompt: 'a\u{1F601}' } });
    expect(difference).toMatchObject({ token: 5, character: 1, prompt: { before: 'a', after: '\u{1F600}' } });
  });

  it('leaves the model to be unloaded', async () => {
    await probe({ prompt: 'Hi', against: { prompt: 'Ho' } });
    expect(server.pool.models.map(({ leases }) => leases)).toEqual([0]);
    await probe({ prompt: 'x'.repeat(1_000_000) }, 400);
    expect(server.pool.models.map(({ leases }) => leases)).toEqual([0]);
  });

  it.each([
    ['neither chat nor text', {}, 'invalid_parameter', 'messages'],
    ['both', { messages: [user('Hi')], prompt: 'Hi' }, 'invalid_parameter', 'messages'],
    ['neither to compare with', { prompt: 'Hi', against: {} }, 'invalid_parameter', 'against.messages'],
    ['tokens', { prompt: [1, 2] }, 'invalid_parameter', 'prompt'],
    [
      'an unknown key',
      { prompt: 'Hi', against: { prompt: 'Hi', model: 'fake' } },
      'unsupported_parameter',
      'against.model',
    ],
    ['a long prompt', { prompt: 'x'.repeat(1_000_000) }, 'context_length_exceeded', 'prompt'],
    [
      'a long chat to compare with',
      { prompt: 'Hi', against: { messages: [user('x'.repeat(1_000_000))] } },
      'context_length_exceeded',
      'against.messages',
    ],
    ['a chat without a template', { model: 'mute', messages: [user('Hi')] }, 'chat_template_missing', null],
  ])('refuses %s', async (_, body, code, param) => {
    expect((await probe(body, 400)).error).toMatchObject({ code, param });
  });

  it('is 404 for a model that is not there', async () => {
    expect((await probe({ model: 'nobody', prompt: 'Hi' }, 404)).error.code).toBe('model_not_found');
  });
});

import Anthropic, { APIUserAbortError as AnthropicAbort } from '@anthropic-ai/sdk';
import OpenAI, { APIUserAbortError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess } from './server-process.js';

let server: ServerProcess;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  server = await ServerProcess.start();
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

interface Stream extends AsyncIterable<unknown> {
  readonly controller: AbortController;
}

type Options = { signal: AbortSignal };

const story = 'Tell me a story about Ben and a cat.';
const messages = [{ role: 'user' as const, content: story }];
const chat = { model: 'starter', messages };
/** No end of its own comes soon. */
const endless = { ignore_eos: true };
const completion = { model: 'starter', prompt: story, max_tokens: 20_000, ...endless };
const response = { model: 'starter', input: story, ...endless };
/** Its API has no such parameter: there is much to read. */
const message = {
  model: 'starter',
  max_tokens: 20_000,
  messages: [{ role: 'user' as const, content: story.repeat(150) }],
};

const whole: Record<string, (options: Options) => Promise<unknown>> = {
  'a chat': async (options) => openai.chat.completions.create({ ...chat, ...endless }, options),
  'a completion': async (options) => openai.completions.create(completion, options),
  'a response': async (options) => openai.responses.create(response, options),
  'a message': async (options) => anthropic.messages.create(message, options),
};

const streams: Record<string, () => Promise<Stream>> = {
  'a chat': async () => openai.chat.completions.create({ ...chat, ...endless, stream: true }),
  'a completion': async () => openai.completions.create({ ...completion, stream: true }),
  'a response': async () => openai.responses.create({ ...response, stream: true }),
  'a message': async () => anthropic.messages.create({ ...message, stream: true }),
};

/** Requests that an engine works on, or will. */
async function pending(): Promise<number> {
  const health = (await (await fetch(`${server.url}/health`)).json()) as { pending_requests: number };
  return health.pending_requests;
}

describe('an official client that aborts', () => {
  it.each(Object.keys(whole))('%s in one piece has its own error, and the work ends', async (name) => {
    const controller = new AbortController();
    const outcome = whole[name]?.({ signal: controller.signal }).catch((error: unknown) => error);
    for (let looks = 0; (await pending()) === 0; looks++) if (looks > 10_000) break;
    controller.abort();
    const error = await outcome;
    expect(error instanceof APIUserAbortError || error instanceof AnthropicAbort).toBe(true);
    await server.idle();
  });

  it.each(Object.keys(streams))('the stream of %s ends it and the work', async (name) => {
    const stream = await streams[name]?.();
    if (stream === undefined) throw new Error('there is no stream');
    let events = 0;
    for await (const _ of stream) if (++events === 6) stream.controller.abort();
    expect(events).toBeGreaterThanOrEqual(6);
    await server.idle();
  });

  it.each(['a chat', 'a message'])("the helper's stream of %s ends it and the work", async (name) => {
    const stream =
      name === 'a chat'
        ? openai.chat.completions.stream({ ...chat, ...endless })
        : anthropic.messages.stream(message);
    let events = 0;
    const read = async (): Promise<void> => {
      for await (const _ of stream) if (++events === 6) stream.abort();
    };
    const error = await read().catch((reason: unknown) => reason);
    expect(error instanceof APIUserAbortError || error instanceof AnthropicAbort).toBe(true);
    expect(stream.aborted).toBe(true);
    await server.idle();
  });
});

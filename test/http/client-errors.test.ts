import Anthropic, * as anthropic from '@anthropic-ai/sdk';
import OpenAI, * as openai from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeServer } from './fake-server.js';
import { adminKey, apiKey, policy } from './security/access.js';

/* What goes wrong is an error of the class that the official clients have for it, with its code or type. */

const api = 'api-key-0123456789';
const limited = 'limited-key-0123456789';

let server: FakeServer;

beforeAll(async () => {
  const keys = [adminKey('admin-key-0123456789'), apiKey(api), apiKey(limited, { requestsPerMinute: 1 })];
  server = await FakeServer.start(
    { fake: 'fake:?', broken: 'fake:?loadFails=model_file_truncated', failing: 'fake:?failAtDecode=3' },
    {},
    { access: () => policy({ keys }) },
  );
});
afterAll(async () => server.stop());

interface Asked {
  readonly model?: string;
  readonly temperature?: number;
  readonly stream?: boolean;
  readonly signal?: AbortSignal;
}

/** A client of one API, and its classes of errors. */
interface Client {
  /** Asks for a chat, and reads the answer to its end. */
  chat(asked: Asked): Promise<unknown>;
  /** What only the admin key may do. */
  unload(): Promise<unknown>;
}

async function readAll(answer: object): Promise<unknown> {
  if (!(Symbol.asyncIterator in answer)) return answer;
  const events: unknown[] = [];
  for await (const event of answer as AsyncIterable<unknown>) events.push(event);
  return events;
}

const messages = [{ role: 'user' as const, content: 'Hi' }];

function openaiClient(apiKeyText: string, url = server.url): Client {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: apiKeyText, maxRetries: 0 });
  return {
    chat: async ({ model = 'fake', signal, stream = false, ...more }) =>
      readAll(
        await client.chat.completions.create(
          { model, messages, max_tokens: 20, stream, ...more },
          signal === undefined ? {} : { signal },
        ),
      ),
    unload: async () => client.post('/models/fake/unload'),
  };
}

function anthropicClient(apiKeyText: string, url = server.url): Client {
  const client = new Anthropic({ baseURL: url, apiKey: apiKeyText, maxRetries: 0 });
  return {
    chat: async ({ model = 'fake', signal, stream = false, ...more }) =>
      readAll(
        await client.messages.create(
          { model, messages, max_tokens: 20, stream, ...more } as Anthropic.MessageCreateParams,
          signal === undefined ? {} : { signal },
        ),
      ),
    unload: async () => client.post('/v1/models/fake/unload'),
  };
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (answer) => ({ answer }),
    (error: unknown) => error,
  );
}

const clients = [
  ['openai', openai, openaiClient, (code: string) => ({ code })],
  [
    '@anthropic-ai/sdk',
    anthropic,
    anthropicClient,
    (_: string, type: string) => ({ error: { type: 'error', error: { type } } }),
  ],
] as const;

describe.each(clients)('the errors of %s', (_, classes, clientOf, told) => {
  it('are AuthenticationError for a wrong key', async () => {
    const error = await failureOf(clientOf('wrong-key-0123456789').chat({}));
    expect(error).toBeInstanceOf(classes.AuthenticationError);
    expect(error).toMatchObject({ status: 401, ...told('invalid_api_key', 'authentication_error') });
  });

  it('are PermissionDeniedError for what needs the admin key', async () => {
    const error = await failureOf(clientOf(api).unload());
    expect(error).toBeInstanceOf(classes.PermissionDeniedError);
    expect(error).toMatchObject({ status: 403, ...told('permission_denied', 'permission_error') });
  });

  it('are RateLimitError for one request too many', async () => {
    const client = clientOf(limited);
    await failureOf(client.chat({ model: 'nope' }));
    const error = await failureOf(client.chat({}));
    expect(error).toBeInstanceOf(classes.RateLimitError);
    expect(error).toMatchObject({ status: 429, ...told('rate_limited', 'rate_limit_error') });
    expect((error as { headers: Headers }).headers.get('retry-after')).toMatch(/^\d+$/);
  });

  it('are BadRequestError for a bad parameter', async () => {
    const error = await failureOf(clientOf(api).chat({ temperature: 50 }));
    expect(error).toBeInstanceOf(classes.BadRequestError);
    expect(error).toMatchObject({ status: 400, ...told('invalid_parameter', 'invalid_request_error') });
  });

  it('are NotFoundError for a model that is not there', async () => {
    const error = await failureOf(clientOf(api).chat({ model: 'nope' }));
    expect(error).toBeInstanceOf(classes.NotFoundError);
    expect(error).toMatchObject({ status: 404, ...told('model_not_found', 'not_found_error') });
  });

  it('are InternalServerError for a model that can not be loaded, before a stream too', async () => {
    for (const stream of [false, true]) {
      const error = await failureOf(clientOf(api).chat({ model: 'broken', stream }));
      expect(error).toBeInstanceOf(classes.InternalServerError);
      expect(error).toMatchObject({ status: 500, ...told('model_file_truncated', 'api_error') });
    }
  });

  it('are APIError inside of a stream, with what went wrong', async () => {
    const error = await failureOf(clientOf(api).chat({ model: 'failing', stream: true }));
    expect(error).toBeInstanceOf(classes.APIError);
    expect(error).toMatchObject(told('native_call_failed', 'api_error'));
    await server.pool.unload('failing', 0);
  });

  it('are APIUserAbortError for a request that its caller gives up', async () => {
    server.gate.hold();
    const leaving = new AbortController();
    const asked = failureOf(clientOf(api).chat({ signal: leaving.signal }));
    const engine = await server.engine('fake');
    while (engine.pendingRequests === 0) await new Promise((resolve) => setImmediate(resolve));
    leaving.abort();
    expect(await asked).toBeInstanceOf(classes.APIUserAbortError);
    server.gate.open();
    await engine.idle();
  });

  it('are APIConnectionError where no server is, or it hangs up', async () => {
    const nowhere = await failureOf(clientOf(api, 'http://127.0.0.1:1').chat({}));
    expect(nowhere).toBeInstanceOf(classes.APIConnectionError);
    server.gate.hold();
    const asked = failureOf(clientOf(api).chat({}));
    const engine = await server.engine('fake');
    while (engine.pendingRequests === 0) await new Promise((resolve) => setImmediate(resolve));
    server.server.server.closeAllConnections();
    expect(await asked).toBeInstanceOf(classes.APIConnectionError);
    server.gate.open();
    await engine.idle();
  });
});

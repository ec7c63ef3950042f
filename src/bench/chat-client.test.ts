import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { OpenAiStandIn, sendEvent, type StandInOptions } from '../testing/openai-stand-in.js';
import { ChatClient, type ClientOptions } from './chat-client.js';
import { user } from './workload.js';

const request = { model: 'one', messages: [user('Hello there')], maxTokens: 3 };
const piece = { choices: [{ delta: { content: 'word ' } }] };
const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function clientOf(url: string, options: Partial<ClientOptions> = {}): ChatClient {
  const client = new ChatClient({ url, timeout: 30_000, body: {}, ...options });
  cleanUps.push(() => client.close());
  return client;
}

async function serve(options: StandInOptions): Promise<OpenAiStandIn> {
  const server = await OpenAiStandIn.start(options);
  cleanUps.push(async () => server.stop());
  return server;
}

/** What comes of a request to a server that does this instead of answering. */
async function failureOf(instead: (...args: Parameters<NonNullable<StandInOptions['instead']>>) => void) {
  const server = await serve({
    instead: (...args) => {
      instead(...args);
      return true;
    },
  });
  return (await clientOf(server.url).stream(request).finished).failure;
}

describe('a chat client', () => {
  it('sends a greedy streamed request, with its key and the fields that were asked for', async () => {
    const server = await serve({});
    const client = clientOf(`${server.url}/v1`, { apiKey: 'key', body: { cache_salt: 'salt' } });
    expect(await client.stream(request).finished).toMatchObject({
      text: 'word0 word1 word2 ',
      promptTokens: 2,
    });
    const [{ body, headers } = { body: {}, headers: undefined }] = server.asked;
    expect(headers?.authorization).toBe('Bearer key');
    expect(body).toEqual({
      model: 'one',
      messages: [{ role: 'user', content: 'Hello there' }],
      max_tokens: 3,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
      ignore_eos: true,
      cache_salt: 'salt',
    });
  });

  it('lists the models', async () => {
    expect(await clientOf((await serve({ models: ['b', 'a'] })).url).models()).toEqual(['b', 'a']);
  });

  it('has done with an answer at [DONE], though the server leaves the response open', async () => {
    const server = await serve({
      instead: (response) => {
        sendEvent(response, piece);
        response.write('data: [DONE]\n\n');
        return true;
      },
    });
    expect((await clientOf(server.url).stream(request).finished).failure).toBeUndefined();
  });

  it('sends a request again, once, when a kept connection turns out to be closed', async () => {
    const sockets: net.Socket[] = [];
    let requests = 0;
    const server = net.createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', () => {
        // The second request finds a connection that is being closed.
        if (++requests === 2) return void socket.resetAndDestroy();
        const body = `data: ${JSON.stringify(piece)}\n\ndata: [DONE]\n\n`;
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    cleanUps.push(async () => {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
    });
    const client = clientOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect((await client.stream(request).finished).failure).toBeUndefined();
    expect((await client.stream(request).finished).failure).toBeUndefined();
    expect([requests, sockets.length]).toEqual([3, 2]);
  });

  it('gives up what runs when it is closed, and sends nothing after that', async () => {
    const server = await serve({ instead: (response) => (sendEvent(response, piece), true) });
    const client = clientOf(server.url);
    const running = client.stream(request);
    await running.reached(1);
    client.close();
    expect(await running.finished).toMatchObject({ cancelled: true });
    expect(await client.stream(request).finished).toMatchObject({ cancelled: true });
    expect(server.asked).toHaveLength(1);
  });
});

describe('a failure', () => {
  it.each([
    [
      'http 500 server_error',
      'Out of luck.',
      '{"error":{"message":"Out of luck.","type":"server_error","code":null}}',
    ],
    ['http 500', '<html>', '<html>'],
    ['http 500', 'null', 'null'],
  ])('is %s, with what the server says: %s', async (kind, message, body) => {
    expect(await failureOf((response) => response.writeHead(500).end(body))).toEqual({ kind, message });
  });

  it('is truncated when a stream ends without [DONE], or there is none', async () => {
    const ended = await failureOf((response) => {
      sendEvent(response, piece);
      response.end();
    });
    expect(ended?.kind).toBe('truncated');
    expect((await failureOf((response) => response.end('{"choices":[]}')))?.kind).toBe('truncated');
  });

  it('is malformed when events are no JSON, or bytes no HTTP', async () => {
    expect(await failureOf((response) => response.end('data: \u0000\u0001garbage\n\n'))).toMatchObject({
      kind: 'malformed',
    });
    expect(await failureOf((response) => response.socket?.end('\u0000garbage\r\n\r\n'))).toMatchObject({
      kind: 'malformed',
    });
  });

  it('is reset when the server goes in the middle, before or after its first text', async () => {
    expect((await failureOf((response) => response.socket?.resetAndDestroy()))?.kind).toBe('reset');
    const late = await failureOf((response) => {
      sendEvent(response, piece);
      setImmediate(() => response.socket?.resetAndDestroy());
    });
    expect(late?.kind).toBe('reset');
  });

  it('is a timeout when the server is silent for too long, and the connection is given up', async () => {
    let closed: Promise<unknown> | undefined;
    const server = await serve({
      instead: (response) => {
        closed = once(response, 'close');
        sendEvent(response, piece);
        return true;
      },
    });
    const result = await clientOf(server.url, { timeout: 200 }).stream(request).finished;
    expect(result.failure).toEqual({ kind: 'timeout', message: 'It took longer than 0.2 s.' });
    await closed;
  });

  it('is connect when nobody is there', async () => {
    expect((await clientOf('http://127.0.0.1:1').stream(request).finished).failure?.kind).toBe('connect');
  });
});

import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeServer } from '../fake-server.js';

let server: FakeServer;

beforeAll(async () => {
  server = await FakeServer.start({ fake: 'fake:?endAfter=2' });
});
afterAll(async () => server.stop());

/** What comes back until the connection is closed. */
async function send(data: string): Promise<{ status: string; requestId: string; error: { code: string } }> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(data);
  const answer = await text(socket);
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  const [, requestId = ''] = /^x-request-id: (.*)$/im.exec(head) ?? [];
  return {
    status: head.split(' ')[1] ?? '',
    requestId,
    ...(JSON.parse(body) as { error: { code: string } }),
  };
}

describe('a connection', () => {
  it.each([
    ['that speaks no HTTP', 'hello\r\n\r\n', '400', 'invalid_http'],
    ['that speaks TLS', '\x16\x03\x01\x02\x00\x01\x00', '400', 'invalid_http'],
    [
      'with a header that is none',
      'GET / HTTP/1.1\r\nhost: localhost\r\nbad header\r\n\r\n',
      '400',
      'invalid_http',
    ],
    [
      'with two lengths of a body',
      'POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n',
      '400',
      'invalid_http',
    ],
    [
      'with headers without end',
      `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
      '431',
      'headers_too_large',
    ],
  ])('%s is told so in a known shape, and closed', async (_, data, status, code) => {
    const answer = await send(data);
    expect(answer).toMatchObject({ status, error: { code } });
    expect(answer.requestId).toMatch(/^req_\w+$/);
    expect((await send(data)).requestId).not.toBe(answer.requestId);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });
});

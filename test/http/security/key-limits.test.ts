import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccessPolicy } from '../../../src/core/access.js';
import { FakeServer } from '../fake-server.js';
import { adminKey, apiKey, bearer, policy } from './access.js';

let server: FakeServer;
let current: AccessPolicy = policy({});

beforeEach(async () => {
  server = await FakeServer.start({ fake: 'fake:?endAfter=2' }, { slots: 4 }, { access: () => current });
});
afterEach(async () => server.stop());

async function complete(
  headers: Record<string, string>,
  fields = {},
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(`${server.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'fake', prompt: 'Hi', max_tokens: 2, ...fields }),
    ...(signal === undefined ? {} : { signal }),
  });
}

describe('requests a minute', () => {
  it('are counted for each key; the one too many is told when to come again', async () => {
    current = policy({
      keys: [apiKey('one', { requestsPerMinute: 2 }), apiKey('two', { requestsPerMinute: 2 })],
    });
    for (const remaining of ['1', '0']) {
      const response = await complete(bearer('one'));
      expect(response.status).toBe(200);
      expect(response.headers.get('x-ratelimit-limit-requests')).toBe('2');
      expect(response.headers.get('x-ratelimit-remaining-requests')).toBe(remaining);
      expect(response.headers.get('x-ratelimit-reset-requests')).toMatch(/^\d+\.\d{3}s$/);
      await response.text();
    }
    const refused = await complete({ 'x-api-key': 'one' });
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ error: { code: 'rate_limited', type: 'rate_limit_error' } });
    const wait = Number(refused.headers.get('retry-after'));
    expect([refused.headers.get('x-should-retry'), wait > 20, wait <= 30]).toEqual(['true', true, true]);
    expect((await complete(bearer('two'))).status).toBe(200);
  });

  it('are told in the headers of streams too', async () => {
    current = policy({ keys: [apiKey('one', { requestsPerMinute: 2 })] });
    const response = await complete(bearer('one'), { stream: true });
    expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('1');
    expect(await response.text()).toContain('[DONE]');
  });

  it('count whatever asks for the API, and nothing that looks after the server', async () => {
    const limited = apiKey('one', { requestsPerMinute: 1 });
    current = policy({ keys: [limited, adminKey('admin')] });
    for (let times = 0; times < 3; times++) {
      for (const path of ['/health', '/metrics'])
        expect((await fetch(server.url + path, { headers: bearer('one') })).status).toBe(200);
      expect((await fetch(`${server.url}/admin/engines`, { headers: bearer('admin') })).status).toBe(200);
      expect((await complete(bearer('wrong'))).status).toBe(401);
    }
    expect((await fetch(`${server.url}/v1/models`, { headers: bearer('one') })).status).toBe(200);
    expect((await complete(bearer('one'))).status).toBe(429);
  });

  it('of those without a key are counted together, whatever keys they make up', async () => {
    current = policy({ keyLimits: { requestsPerMinute: 2, concurrentRequests: Infinity } });
    expect((await complete({})).status).toBe(200);
    expect((await complete(bearer('made-up'))).status).toBe(200);
    expect((await complete(bearer('made-up-too'))).status).toBe(429);
  });

  it('are not counted when nothing is said', async () => {
    current = policy({});
    expect((await complete({})).headers.has('x-ratelimit-limit-requests')).toBe(false);
  });
});

describe('requests at once', () => {
  it('are counted for each key, until they are answered', async () => {
    current = policy({
      keys: [apiKey('one', { concurrentRequests: 1 }), apiKey('two', { concurrentRequests: 1 })],
    });
    await server.engine('fake');
    server.gate.hold();
    const first = complete(bearer('one'));
    while (server.pool.pendingRequests < 1) await new Promise((resolve) => setImmediate(resolve));
    const refused = await complete(bearer('one'));
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await refused.json()).toMatchObject({
      error: {
        code: 'rate_limited',
        message: expect.stringContaining('1 requests answered at once') as string,
      },
    });
    const other = complete(bearer('two'));
    while (server.pool.pendingRequests < 2) await new Promise((resolve) => setImmediate(resolve));
    server.gate.open();
    expect([(await first).status, (await other).status]).toEqual([200, 200]);
    await (await first).text();
    while (server.openResponses > 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await complete(bearer('one'))).status).toBe(200);
  });

  it('end when their client leaves, in the middle of a stream too', async () => {
    current = policy({ keys: [apiKey('one', { concurrentRequests: 1 })] });
    for (let times = 0; times < 3; times++) {
      const leaving = new AbortController();
      const fields = { stream: true, max_tokens: 1000, ignore_eos: true };
      const response = await complete(bearer('one'), fields, leaving.signal);
      expect(response.status).toBe(200);
      leaving.abort();
      await expect(response.text()).rejects.toMatchObject({ name: 'AbortError' });
      while (server.openResponses > 0) await new Promise((resolve) => setImmediate(resolve));
    }
  });

  it('that were refused do not count, nor do those with an error', async () => {
    current = policy({ keys: [apiKey('one', { concurrentRequests: 1 })] });
    for (let times = 0; times < 3; times++) {
      expect((await complete(bearer('one'), { model: 'nope' })).status).toBe(404);
      while (server.openResponses > 0) await new Promise((resolve) => setImmediate(resolve));
    }
  });
});

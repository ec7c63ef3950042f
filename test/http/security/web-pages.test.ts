import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AccessPolicy } from '../../../src/core/access.js';
import { FakeServer } from '../fake-server.js';
import { apiKey, bearer, policy } from './access.js';
import { plainRequest } from './plain-request.js';

let server: FakeServer;
let current: AccessPolicy = policy({});

beforeAll(async () => {
  server = await FakeServer.start({ fake: 'fake:?endAfter=2' }, {}, { access: () => current });
});
beforeEach(() => (current = policy({})));
afterAll(async () => server.stop());

const page = 'https://app.example.com';
const body = JSON.stringify({ model: 'fake', prompt: 'Hi', max_tokens: 2 });

async function complete(headers: Record<string, string>, fields = {}) {
  return plainRequest(`${server.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ ...(JSON.parse(body) as object), ...fields }),
  });
}

async function preflight(path: string, headers: Record<string, string>) {
  return plainRequest(server.url + path, {
    method: 'OPTIONS',
    headers: { 'access-control-request-method': 'POST', ...headers },
  });
}

const codeOf = (text: string): unknown => (JSON.parse(text) as { error: { code: unknown } }).error.code;

describe('the name that a server is called by', () => {
  it('must be its own, on every path', async () => {
    for (const path of ['/health', '/v1/models', '/admin/engines', '/metrics', '/nothing']) {
      const answer = await plainRequest(server.url + path, { headers: { host: 'rebound.example.com' } });
      expect([path, answer.status, codeOf(answer.body)]).toEqual([path, 403, 'host_not_allowed']);
      expect(answer.body).not.toContain('rebound.example.com');
    }
    const { port } = new URL(server.url);
    for (const host of ['localhost', `localhost:${port}`, '127.0.0.1', `[::1]:${port}`, 'localhost:1'])
      expect((await plainRequest(`${server.url}/health`, { headers: { host } })).status).toBe(200);
  });

  it('may be one that is allowed', async () => {
    current = policy({ allowedHosts: ['heddle.example.com'] });
    expect((await complete({ host: 'heddle.example.com' })).status).toBe(200);
    expect((await complete({ host: 'other.example.com' })).status).toBe(403);
  });

  it('is looked at on an address that others can reach as well, unless keys are asked for', async () => {
    let access = policy({});
    const open = await FakeServer.start({ fake: 'fake:?' }, {}, { host: '0.0.0.0', access: () => access });
    try {
      const url = `http://127.0.0.1:${new URL(open.url).port}/health`;
      const status = async (host: string): Promise<number> =>
        (await plainRequest(url, { headers: { host } })).status;
      expect([await status('rebound.example.com'), await status('192.0.2.1:80')]).toEqual([403, 200]);
      access = policy({ keys: [apiKey('key')] });
      expect(await status('heddle.example.com')).toBe(200);
    } finally {
      await open.stop();
    }
  });
});

describe('web pages of others', () => {
  it.each([page, 'http://localhost:3000', 'null', 'file://', 'app://obsidian.md', 'http://127.0.0.1:1'])(
    'of %s may not ask when nothing is said',
    async (origin) => {
      const answer = await complete({ origin });
      expect([answer.status, codeOf(answer.body)]).toEqual([403, 'origin_not_allowed']);
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
      const asked = await preflight('/v1/completions', { origin });
      expect(asked.status).toBe(403);
      expect(asked.headers).not.toHaveProperty('access-control-allow-origin');
    },
  );

  it('can not unload a model by a request that needs no preflight', async () => {
    await server.engine('fake');
    const answer = await plainRequest(`${server.url}/v1/models/fake/unload`, {
      method: 'POST',
      headers: { origin: page },
    });
    expect(answer.status).toBe(403);
    expect(server.pool.stateOf('fake')).toBe('ready');
  });

  it("are not the server's own", async () => {
    const { host } = new URL(server.url);
    expect((await complete({ origin: `http://${host}` })).status).toBe(200);
    const proxied = { host: 'localhost', origin: 'https://localhost' };
    expect((await complete(proxied)).status).toBe(200);
  });

  it('may ask when their origin is allowed, and are told so', async () => {
    current = policy({ corsOrigins: [page, 'app://obsidian.md'] });
    for (const origin of [page, 'app://obsidian.md']) {
      const answer = await complete({ origin });
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin' });
      expect(answer.headers['access-control-expose-headers']).toContain('retry-after');
    }
    expect((await complete({ origin: `${page}.evil.com` })).status).toBe(403);
    expect((await complete({ origin: 'https://other.example.com' })).status).toBe(403);
    const plain = await complete({});
    expect([plain.status, plain.headers['vary']]).toEqual([200, 'Origin']);
  });

  it('that are allowed can read streams and errors too', async () => {
    current = policy({ corsOrigins: [page] });
    const stream = await complete({ origin: page }, { stream: true });
    expect(stream.headers).toMatchObject({
      'content-type': expect.stringContaining('text/event-stream') as string,
      'access-control-allow-origin': page,
    });
    expect(stream.body).toContain('[DONE]');
    const error = await complete({ origin: page }, { model: 'nope' });
    expect(error).toMatchObject({ status: 404, headers: { 'access-control-allow-origin': page } });
  });

  it('ask before they ask; the answer needs no key, the request does', async () => {
    current = policy({ corsOrigins: [page], keys: [apiKey('key')] });
    const headers = { 'access-control-request-headers': 'authorization, content-type, x-stainless-lang' };
    const answer = await preflight('/v1/chat/completions', { origin: page, ...headers });
    expect(answer).toMatchObject({
      status: 204,
      body: '',
      headers: {
        'access-control-allow-origin': page,
        'access-control-allow-methods': 'GET, POST, DELETE',
        'access-control-allow-headers': headers['access-control-request-headers'],
        'access-control-max-age': '600',
      },
    });
    expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
    const refused = await complete({ origin: page });
    expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([401, page]);
    expect((await complete({ origin: page, ...bearer('key') })).status).toBe(200);
  });

  it('of any origin may ask if that is said', async () => {
    current = policy({ corsOrigins: ['*'] });
    const answer = await complete({ origin: 'null' });
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([200, '*']);
  });

  it('that rebind their name are stopped by it even when their origin looks like the server', async () => {
    const answer = await complete({ host: 'rebound.example.com', origin: 'http://rebound.example.com' });
    expect([answer.status, codeOf(answer.body)]).toEqual([403, 'host_not_allowed']);
  });
});

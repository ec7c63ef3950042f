import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AccessPolicy } from '../../../src/core/access.js';
import { FakeServer } from '../fake-server.js';
import { adminKey, apiKey, bearer, policy } from './access.js';
import { routesOf, type ServerRoute } from './server-routes.js';

const api = 'api-key-0123456789';
const admin = 'admin-key-0123456789';
const withBoth = policy({ keys: [adminKey(admin), apiKey(api)] });

let server: FakeServer;
let current: AccessPolicy = withBoth;

beforeAll(async () => {
  server = await FakeServer.start({ fake: 'fake:?endAfter=2' }, {}, { access: () => current });
});
beforeEach(() => (current = withBoth));
afterAll(async () => server.stop());

async function ask({ method, pattern }: ServerRoute, headers: Record<string, string>): Promise<Response> {
  return fetch(server.url + pattern.replace(':id', 'fake'), { method, headers });
}

const isOpen = ({ pattern }: ServerRoute): boolean =>
  ['/', '/health', '/openapi.json', '/docs'].includes(pattern);
const isAdmin = ({ pattern }: ServerRoute): boolean =>
  pattern.startsWith('/admin/') || /\/(?:load|unload)$/.test(pattern);

const wrongKeys: [string, Record<string, string>][] = [
  ['no key', {}],
  ['a wrong key', bearer('wrong-key-0123456789')],
  ['a key with something behind it', bearer(`${api}x`)],
  ['another scheme', { authorization: `Basic ${api}` }],
  ['a key without its scheme', { authorization: api }],
  ['an empty key', { 'x-api-key': '' }],
  ['a wrong x-api-key beside a right bearer', { ...bearer(api), 'x-api-key': 'wrong-key-0123456789' }],
  ['the digest of the key', bearer(Buffer.from(apiKey(api).digest).toString('hex'))],
];

describe('a server with keys', () => {
  it('has routes of every kind', () => {
    const routes = routesOf(server.server);
    expect(routes).toContainEqual({ method: 'POST', pattern: '/v1/models/:id/unload' });
    expect(routes).toContainEqual({ method: 'GET', pattern: '/v1/models' });
    expect(routes.filter(isAdmin).length).toBeGreaterThanOrEqual(7);
  });

  it.each(wrongKeys)('answers nothing but its health and its reference to %s', async (_, headers) => {
    for (const route of routesOf(server.server).filter((one) => !isOpen(one))) {
      const response = await ask(route, headers);
      expect([route.pattern, response.status]).toEqual([route.pattern, 401]);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      const text = await response.text();
      // In the shape of whichever API the route is of.
      expect(text).toMatch(/invalid_api_key|authentication_error|^\{"error":"[^"]* key/);
      expect(Object.values(headers).filter((value) => value !== '' && text.includes(value))).toEqual([]);
    }
    expect(server.pool.models).toEqual([]);
  });

  it('does not tell strangers what paths there are', async () => {
    for (const path of ['/nothing', '/admin', '/v1/models/a/b/c', '/%61dmin/engines', '//admin/engines'])
      expect([path, (await fetch(server.url + path)).status]).toEqual([path, 401]);
    expect((await fetch(`${server.url}/nothing`, { headers: bearer(api) })).status).toBe(404);
  });

  it.each([
    ['a bearer', bearer(api)],
    ['an x-api-key', { 'x-api-key': api }],
    ['a bearer beside a right x-api-key', { ...bearer('wrong-key-0123456789'), 'x-api-key': api }],
  ])('answers to an API key as %s what needs no admin key, and refuses the rest', async (_, headers) => {
    for (const route of routesOf(server.server)) {
      const response = await ask(route, headers);
      const refused = response.status === 401 || response.status === 403;
      expect([route.pattern, refused]).toEqual([route.pattern, isAdmin(route)]);
      const text = await response.text();
      const denied =
        refused && /"code":"permission_denied"|permission_error|"error":"This needs the admin key/.test(text);
      expect([route.pattern, denied]).toEqual([route.pattern, isAdmin(route)]);
    }
  });

  it('answers everything to the admin key', async () => {
    for (const route of routesOf(server.server)) {
      const response = await ask(route, bearer(admin));
      expect([401, 403]).not.toContain(response.status);
      await response.body?.cancel();
    }
  });

  it('finds an admin route however its path is written', async () => {
    for (const path of [
      '/%61dmin/engines',
      '/admin/%65ngines',
      '/admin/engines?x=1',
      '/v1/models/fake/%75nload',
    ]) {
      const method = path.includes('models') ? 'POST' : 'GET';
      const response = await fetch(server.url + path, { method, headers: bearer(api) });
      expect([path, [403, 404].includes(response.status)]).toEqual([path, true]);
    }
  });

  it('tells its health to everybody, and more to who has a key', async () => {
    expect(await (await fetch(`${server.url}/health`)).json()).toEqual({ status: 'ok' });
    const told = await (await fetch(`${server.url}/health`, { headers: bearer(api) })).json();
    expect(told).toMatchObject({ status: 'ok', models: expect.any(Array) as unknown, pending_requests: 0 });
  });

  it('shows metrics without a key if that is said', async () => {
    current = { ...withBoth, publicMetrics: true };
    expect((await fetch(`${server.url}/metrics`)).status).toBe(200);
    expect((await fetch(`${server.url}/v1/models`)).status).toBe(401);
  });

  it('takes new keys and forgets old ones without a new start', async () => {
    const status = async (key: string): Promise<number> =>
      (await fetch(`${server.url}/v1/models`, { headers: bearer(key) })).status;
    expect([await status(api), await status('new-key-0123456789')]).toEqual([200, 401]);
    current = policy({ keys: [apiKey('new-key-0123456789')] });
    expect([await status(api), await status('new-key-0123456789')]).toEqual([401, 200]);
  });

  it('reads nothing of a body before the key', async () => {
    const response = await fetch(`${server.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: '{{{',
    });
    expect(response.status).toBe(401);
  });
});

describe('a server with API keys alone', () => {
  it('lets any of them look after it', async () => {
    current = policy({ keys: [apiKey('other-key-0123456789'), apiKey(api)] });
    expect((await fetch(`${server.url}/admin/engines`)).status).toBe(401);
    expect((await fetch(`${server.url}/admin/engines`, { headers: bearer(api) })).status).toBe(200);
  });
});

describe('a server with an admin key alone', () => {
  it('serves everybody, and lets only the admin key look after it', async () => {
    current = policy({ keys: [adminKey(admin)] });
    expect((await fetch(`${server.url}/v1/models`)).status).toBe(200);
    expect((await fetch(`${server.url}/v1/models`, { headers: bearer('anything') })).status).toBe(200);
    expect((await fetch(`${server.url}/admin/engines`)).status).toBe(401);
    expect((await fetch(`${server.url}/admin/engines`, { headers: bearer(admin) })).status).toBe(200);
  });
});

describe('a server without keys', () => {
  it('serves everybody, whatever key they send', async () => {
    current = policy({});
    for (const headers of [{}, bearer('none')]) {
      expect((await fetch(`${server.url}/admin/engines`, { headers })).status).toBe(200);
      expect(await (await fetch(`${server.url}/health`, { headers })).json()).toHaveProperty('models');
    }
  });
});

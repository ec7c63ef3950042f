import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeServer } from '../fake-server.js';
import { plainRequest } from './plain-request.js';

let server: FakeServer;
/** A model that is outside of the folder that is served. */
let outside: string;

beforeAll(async () => {
  outside = mkdtempSync(join(tmpdir(), 'heddle-outside-'));
  mkdirSync(join(outside, 'sub'));
  writeFileSync(join(outside, 'secret.gguf'), 'fake:?endAfter=2\n');
  server = await FakeServer.start({ fake: 'fake:?endAfter=2', 'a b': 'fake:?endAfter=2' });
});
afterAll(async () => {
  await server.stop();
  rmSync(outside, { recursive: true });
});

const folder = (): string => server.pool.catalogue.directories[0] ?? '';

/** Ways to name the file outside, and files inside by anything but their ids. */
function names(): string[] {
  const secret = join(outside, 'secret');
  const way = relative(folder(), secret);
  return [
    secret,
    `${secret}.gguf`,
    way,
    `${way}.gguf`,
    `./${way}`,
    way.replaceAll('/', '\\'),
    `fake/../${way}`,
    encodeURIComponent(way),
    `file://${secret}.gguf`,
    `${secret}.gguf\0`,
    'fake:?endAfter=2',
    'fake.gguf',
    './fake',
    `../${basename(folder())}/fake`,
    join(folder(), 'fake'),
    join(folder(), 'fake.gguf'),
    'FAKE\0',
    'fake/',
    'fake\n',
    ' fake',
    '',
    '.',
    '..',
    '~/fake',
    '*',
    '__proto__',
    'constructor',
    'toString',
    '/etc/passwd',
    '../../../../../../etc/passwd',
  ];
}

const hi = [{ role: 'user', content: 'Hi' }];

describe('a model that is asked for', () => {
  it.each<[string, object]>([
    ['/v1/chat/completions', { messages: hi }],
    ['/v1/completions', { prompt: 'Hi' }],
    ['/v1/responses', { input: 'Hi' }],
    ['/v1/messages', { messages: hi, max_tokens: 2 }],
    ['/v1/messages/count_tokens', { messages: hi }],
    ['/v1/embeddings', { input: 'Hi' }],
    ['/v1/rerank', { query: 'Hi', documents: ['Ho'] }],
    ['/api/chat', { messages: hi }],
    ['/api/chat', {}],
    ['/api/generate', { prompt: 'Hi' }],
    ['/api/embed', { input: 'Hi' }],
    ['/api/embeddings', { prompt: 'Hi' }],
    ['/api/show', {}],
    ['/admin/cache/probe', { prompt: 'Hi' }],
    ['/admin/cache/clear', {}],
  ])('in a body of %s is one that was found, or none: %j', async (path, body) => {
    for (const model of names()) {
      const response = await server.post(path, { model, ...body });
      expect([model, response.status]).toEqual([model, model === '' ? 400 : 404]);
      await response.text();
    }
    expect(server.pool.models.map(({ file }) => file.id)).toEqual([]);
  });

  it.each(['', '/load', '/unload'])(
    'in a path that ends with "%s" is one that was found, or none',
    async (end) => {
      const method = end === '' ? 'GET' : 'POST';
      for (const name of names().filter((one) => one !== '')) {
        for (const written of [
          encodeURIComponent(name),
          encodeURIComponent(encodeURIComponent(name)),
          name,
        ]) {
          // As a client that is up to no good: `fetch` would take the dots out.
          const path = `/v1/models/${written.replaceAll(/[\s\0]/g, encodeURIComponent)}${end}`;
          const { status, body } = await plainRequest(`${server.url}${path}`, { method });
          expect([path, status >= 400 && status < 500]).toEqual([path, true]);
          expect(body).not.toContain('"object":"model"');
        }
      }
      expect(server.pool.models.map(({ file }) => file.id)).toEqual([]);
    },
  );

  it('is found by its id, with what a path must encode', async () => {
    const response = await fetch(`${server.url}/v1/models/a%20b`);
    expect(await response.json()).toMatchObject({ id: 'a b' });
  });

  it('may be a link that somebody put into the folder: who can do that may choose what is served', async () => {
    symlinkSync(join(outside, 'secret.gguf'), join(folder(), 'linked.gguf'));
    expect((await server.post('/v1/completions', { model: 'linked', prompt: 'Hi' })).status).toBe(200);
  });

  it('is told by its id and never by its path', async () => {
    for (const path of [
      '/v1/models',
      '/v1/models/fake',
      '/admin/engines',
      '/health',
      '/metrics',
      '/admin/cache',
    ])
      expect(await (await fetch(server.url + path)).text()).not.toContain(folder());
    const missing = await server.post('/v1/completions', { model: 'nope', prompt: 'Hi' });
    expect(await missing.text()).not.toContain(folder());
  });
});

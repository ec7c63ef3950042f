import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FakeServer } from './fake-server.js';

let server: FakeServer;

beforeAll(async () => {
  server = await FakeServer.start({ fake: 'fake:?endAfter=2' });
});
afterAll(async () => server.stop());

/** A request as it is, without the headers that `fetch` adds. */
async function send(path: string, headers: Record<string, string>, body: string): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const sent = request(`${server.url}${path}`, { method: 'POST', headers }, (response) => {
      text(response).then((answer) => resolve([response.statusCode ?? 0, answer]), reject);
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

const body = JSON.stringify({ model: 'fake', prompt: 'Hi', stream: false });
/** What `curl -d` says of every body. */
const form = { 'content-type': 'application/x-www-form-urlencoded' };

it.each<[string, Record<string, string>]>([
  ['a form, as curl says', form],
  ['a text', { 'content-type': 'text/plain' }],
  ['JSON in UTF-8', { 'content-type': 'application/json; charset=utf-8' }],
  ['no type', {}],
])('a body of the Ollama API is read as JSON when it is said to be %s', async (_, headers) => {
  const [status, answer] = await send('/api/generate', headers, body);
  expect({ status, answer }).toMatchObject({ status: 200 });
  expect(JSON.parse(answer)).toMatchObject({ model: 'fake', done: true });
});

it('a body that is no JSON is told so there', async () => {
  expect(await send('/api/generate', form, 'model=fake')).toEqual([400, expect.stringContaining('JSON')]);
});

it.each(['https://elsewhere.example', 'null'])('a page of the origin %s still may not', async (origin) => {
  const [status] = await send('/api/generate', { ...form, origin }, body);
  expect(status).toBe(403);
});

it('bodies of the other APIs must be said to be JSON', async () => {
  expect((await send('/v1/completions', form, body))[0]).toBe(415);
});

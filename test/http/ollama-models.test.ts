import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { shown, tags as tagsAnswer, type listed } from '../../src/http/openapi/answers/ollama.js';
import { writeEncoderFixture } from '../../src/testing/gguf/embedding-fixtures.js';
import { writeFixture } from '../../src/testing/gguf/fixtures.js';
import { FakeServer } from './fake-server.js';

const hermes = '{{ tools }}{{ messages[0].content }}{#- <tool_call> <think> </think> #}';
let server: FakeServer;

beforeEach(async () => {
  server = await FakeServer.start({
    fake: `fake:?chatTemplate=${encodeURIComponent(hermes)}`,
    plain: 'fake:?chatTemplate=none',
  });
});
afterEach(async () => server.stop());

async function tags(): Promise<z.infer<typeof listed>[]> {
  const body: unknown = await (await fetch(`${server.url}/api/tags`)).json();
  return tagsAnswer.parse(body).models;
}

async function show(body: object): Promise<z.infer<typeof shown>> {
  const response = await server.post('/api/show', body);
  const answer: unknown = await response.json();
  expect(response.status).toBe(200);
  return shown.parse(answer);
}

describe('/api/tags', () => {
  it('lists the models on disk, with what their files say', async () => {
    const [folder = ''] = server.pool.catalogue.directories;
    const path = writeFixture('qwen3', folder);
    const id = path.slice(join(folder, '/').length, -'.gguf'.length);
    const models = await tags();
    expect(models.map(({ name }) => name).toSorted()).toEqual(['fake', 'plain', id].toSorted());
    expect(models.find(({ name }) => name === id)?.details).toMatchObject({
      family: 'qwen3',
      families: ['qwen3'],
      parameter_size: expect.stringMatching(/^\d+\.\d+[KM]$/) as string,
    });
    expect(models.find(({ name }) => name === 'fake')?.details).toMatchObject({
      family: '',
      quantization_level: 'unknown',
    });
    expect(new Set(models.map(({ digest }) => digest)).size).toBe(models.length);
    expect(await tags()).toEqual(models);
  });

  it('lists aliases', async () => {
    server.pool.configure({ ...server.pool.settings, aliases: { other: 'fake' } });
    const models = await tags();
    expect(models.map(({ name }) => name).toSorted()).toEqual(['fake', 'other', 'plain']);
    expect(await show({ model: 'other:latest' })).toMatchObject({ details: { format: 'gguf' } });
  });
});

describe('/api/show', () => {
  it('says what a file says, without loading it', async () => {
    const [folder = ''] = server.pool.catalogue.directories;
    const path = writeFixture('qwen3', folder);
    const encoder = writeEncoderFixture(folder, 'mean');
    const idOf = (file: string): string => file.slice(join(folder, '/').length, -'.gguf'.length);
    const { model_info, capabilities } = await show({ model: `${idOf(path)}:latest` });
    expect(model_info).toMatchObject({
      'general.architecture': 'qwen3',
      'qwen3.context_length': 4096,
      'general.parameter_count': expect.any(Number) as number,
      'tokenizer.ggml.tokens': null,
    });
    expect(capabilities[0]).toBe('completion');
    expect((await show({ name: idOf(encoder) })).capabilities).toEqual(['embedding']);
    expect(server.pool.models).toEqual([]);
  });

  it('says what a model can do', async () => {
    await server.pool.load('fake');
    await server.pool.load('plain');
    expect(await show({ model: 'fake' })).toMatchObject({
      template: hermes,
      capabilities: ['completion', 'tools', 'thinking'],
    });
    expect(await show({ model: 'plain' })).toMatchObject({ template: '', capabilities: ['completion'] });
  });

  it.each([
    [{}, 400, 'say which model'],
    [{ model: 'nope' }, 404, 'There is no model "nope"'],
    [{ model: 'fake', verbose: true }, 400, '"verbose"'],
  ])('refuses %j', async (body, status, message) => {
    const response = await server.post('/api/show', body);
    expect([response.status, await response.json()]).toEqual([
      status,
      { error: expect.stringContaining(message) as string },
    ]);
  });
});

describe('/', () => {
  it.each(['GET', 'HEAD'])('answers %s as clients look for', async (method) => {
    const response = await fetch(server.url, { method });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(method === 'GET' ? 'Ollama is running' : '');
  });
});

describe('/api/version', () => {
  it('is a version that clients can compare', async () => {
    const body: unknown = await (await fetch(`${server.url}/api/version`)).json();
    expect(body).toMatchObject({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/) as string });
  });
});

describe('what changes models', () => {
  it.each([
    ['POST', '/api/pull'],
    ['POST', '/api/push'],
    ['POST', '/api/create'],
    ['POST', '/api/copy'],
    ['DELETE', '/api/delete'],
  ])('is refused: %s %s', async (method, path) => {
    const headers = { 'content-type': 'application/json' };
    const init: RequestInit = { method, headers, body: '{"model": "fake"}' };
    const response = await fetch(server.url + path, init);
    expect([response.status, await response.json()]).toEqual([
      404,
      { error: expect.stringContaining(`It has no ${method} ${path}`) as string },
    ]);
  });
});

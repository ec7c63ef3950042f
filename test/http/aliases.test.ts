import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeServer } from './fake-server.js';

let fake: FakeServer;

beforeEach(async () => {
  fake = await FakeServer.start({ real: 'fake:?endAfter=3', spare: 'fake:?' });
  fake.pool.configure({ ...fake.pool.settings, aliases: { nickname: 'real', spare: 'real', lost: 'gone' } });
});

afterEach(async () => fake.stop());

async function get(path: string): Promise<unknown> {
  return (await fetch(`${fake.url}${path}`)).json();
}

describe('an alias', () => {
  it('is listed beside the models, hides a model of its name, and is not listed when its model is not there', async () => {
    const { data } = (await get('/v1/models')) as { data: { id: string; alias_of?: string }[] };
    expect(data.map(({ id, alias_of }) => [id, alias_of])).toEqual([
      ['real', undefined],
      ['nickname', 'real'],
      ['spare', 'real'],
    ]);
  });

  it('is a model object of its own', async () => {
    const real = (await get('/v1/models/real')) as object;
    expect(await get('/v1/models/nickname')).toEqual({ ...real, id: 'nickname', alias_of: 'real' });
    expect(real).not.toHaveProperty('alias_of');
  });

  it.each([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }] }],
    ['/v1/completions', { prompt: 'hi' }],
  ])('%s answers under the name that was asked for', async (path, body) => {
    const whole = (await (await fake.post(path, { model: 'nickname', ...body })).json()) as { model: string };
    expect(whole.model).toBe('nickname');
    const stream = await (await fake.post(path, { model: 'nickname', stream: true, ...body })).text();
    expect(new Set([...stream.matchAll(/"model":"(\w+)"/g)].map(([, model]) => model))).toEqual(
      new Set(['nickname']),
    );
    expect(fake.pool.models.map(({ file }) => file.id)).toEqual(['real']);
  });

  it('loads and unloads its model', async () => {
    const load = await fake.post('/v1/models/nickname/load', {});
    expect(await load.json()).toMatchObject({ id: 'nickname', alias_of: 'real', state: 'ready' });
    expect(fake.pool.stateOf('real')).toBe('ready');
    const unload = await fake.post('/v1/models/nickname/unload', {});
    expect(await unload.json()).toMatchObject({ id: 'nickname', alias_of: 'real', state: 'unloaded' });
    expect(fake.pool.stateOf('real')).toBe('unloaded');
  });

  it('of a model that is not there is 404 with both names', async () => {
    const response = await fake.post('/v1/completions', { model: 'lost', prompt: 'hi' });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      error: {
        code: 'model_not_found',
        message: expect.stringContaining('"lost" is an alias of "gone"') as string,
      },
    });
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InMemoryTransport } from '../testing/in-memory-transport.js';
import { collect, makeRequest } from '../testing/requests.js';
import { TestPool } from '../testing/test-pool.js';
import type { EnginePool } from './engine-pool.js';
import { defaultModelSettings, type PoolSettings } from './pool-settings.js';

let tests: TestPool[];
let test: TestPool;
let pool: EnginePool;
let transports: readonly InMemoryTransport[];
let happened: readonly string[];

/** From here on the test is about a pool with these settings. */
function begin(settings: Partial<PoolSettings> = {}): void {
  test = new TestPool(settings);
  tests.push(test);
  ({ pool, transports, happened } = test);
}

beforeEach(() => {
  tests = [];
  begin();
});

afterEach(async () => {
  await Promise.all(tests.map(async (each) => each.close()));
});

function addModel(id: string, url?: string): void {
  test.addModel(id, url);
}

describe('an alias', () => {
  it('stands for its model wherever a model is named', async () => {
    begin({ aliases: { other: 'a' } });
    addModel('a');
    const lease = await pool.lease('other');
    expect(lease.model.id).toBe('a');
    lease.release();
    expect([pool.stateOf('other'), pool.stateOf('a')]).toEqual(['ready', 'ready']);
    expect((await pool.load('other')).file.id).toBe('a');
    expect(transports).toHaveLength(1);
    await pool.unload('other', 0);
    expect(pool.stateOf('a')).toBe('unloaded');
    expect((await pool.find('other')).id).toBe('a');
    expect(happened.every((what) => what.startsWith('a '))).toBe(true);
  });

  it('hides a model of the same id, and is followed once', async () => {
    begin({ aliases: { a: 'b', b: 'a' } });
    addModel('a');
    addModel('b');
    expect((await pool.lease('a')).model.id).toBe('b');
    expect((await pool.lease('b')).model.id).toBe('a');
  });

  it('of a model that is not there is refused with both names', async () => {
    begin({ aliases: { other: 'gone' } });
    addModel('a');
    await expect(pool.lease('other')).rejects.toMatchObject({
      code: 'model_not_found',
      message: '"other" is an alias of "gone". There is no model "gone". There is: a.',
      param: 'model',
    });
  });

  it('is no property that every object has', async () => {
    addModel('a');
    await expect(pool.lease('constructor')).rejects.toMatchObject({ code: 'model_not_found' });
  });
});

describe('preloading', () => {
  it('loads the models that are to be there, pinned ones first, one after the other', async () => {
    begin({
      models: { c: { preload: true, pinned: true }, a: { preload: true }, b: { preload: true } },
    });
    for (const id of ['a', 'b', 'c', 'd']) addModel(id, 'fake:?loadDelayMs=2');
    await pool.preload(() => expect.unreachable());
    const loads = happened.filter((what) => !what.endsWith('queued'));
    expect(loads).toEqual(['c loading', 'c ready', 'a loading', 'a ready', 'b loading', 'b ready']);
    expect(pool.stateOf('d')).toBe('unloaded');
  });

  it('goes on when a model can not be loaded, and says why', async () => {
    begin({ models: { a: { preload: true }, b: { preload: true } } });
    addModel('a', 'fake:?loadFails=model_file_invalid');
    addModel('b');
    const failed: string[] = [];
    await pool.preload(({ id }, { code }) => failed.push(`${id} ${code}`));
    expect(failed).toEqual(['a model_file_invalid']);
    expect(pool.stateOf('b')).toBe('ready');
  });

  it('leaves out a model that an alias hides: nobody could ask for it', async () => {
    begin({ models: { a: { preload: true } }, aliases: { a: 'b' } });
    addModel('a');
    addModel('b');
    await pool.preload(() => expect.unreachable());
    expect(transports).toHaveLength(0);
  });

  it('ends when the pool closes, and that is no failure', async () => {
    begin({ models: { a: { preload: true }, b: { preload: true } } });
    addModel('a', 'fake:?loadSteps=1000&loadDelayMs=5');
    addModel('b');
    const preloaded = pool.preload(() => expect.unreachable());
    while (!happened.includes('a loading')) await new Promise((resolve) => setImmediate(resolve));
    await pool.close();
    await preloaded;
    expect(transports).toHaveLength(1);
  });
});

describe('new settings', () => {
  const defaults = { ...defaultModelSettings, contextSize: 512, slots: 2, batchSize: 64 };

  it('of a loaded model take effect at its next load', async () => {
    addModel('a');
    const { engine } = await pool.lease('a');
    expect(engine.info.contextSize).toBe(512);
    pool.configure({ defaults, models: { a: { contextSize: 1024 } } });
    expect((await pool.lease('a')).engine).toBe(engine);
    expect(engine.alive).toBe(true);
    await pool.unload('a', 0);
    expect((await pool.lease('a')).engine.info.contextSize).toBe(1024);
  });

  it('of the policy hold for models that are there already', async () => {
    begin({ policy: { firstRetry: 60_000 } });
    addModel('a', 'fake:?loadFails=model_load_failed');
    await expect(pool.lease('a')).rejects.toMatchObject({ code: 'model_load_failed' });
    pool.configure({ defaults, policy: { firstRetry: 0 } });
    await expect(pool.load('a')).rejects.toMatchObject({ code: 'model_load_failed' });
    await expect(pool.lease('a')).rejects.toMatchObject({ code: 'model_load_failed' });
    expect(transports).toHaveLength(3);
  });

  it('with more memory let a model in that waits for some', async () => {
    begin({ memoryCeiling: 150 });
    addModel('a', 'fake:?bytes=100');
    addModel('b', 'fake:?bytes=100');
    const lease = await pool.lease('a');
    const waiting = pool.lease('b');
    while (pool.stateOf('b') !== 'queued') await new Promise((resolve) => setImmediate(resolve));
    pool.configure({ defaults, memoryCeiling: 250 });
    (await waiting).release();
    expect(pool.memoryCeiling).toBe(250);
    lease.release();
  });

  it('with other aliases hold at once', async () => {
    addModel('a');
    await expect(pool.lease('other')).rejects.toMatchObject({ code: 'model_not_found' });
    pool.configure({ defaults, aliases: { other: 'a' } });
    (await pool.lease('other')).release();
    pool.configure({ defaults });
    await expect(pool.lease('other')).rejects.toMatchObject({ code: 'model_not_found' });
  });
});

describe('other folders', () => {
  let other: string;

  beforeEach(() => {
    other = mkdtempSync(join(tmpdir(), 'heddle-pool-other-'));
  });

  afterEach(() => rmSync(other, { recursive: true }));

  it('leave a loaded model as it is, and unloading it is still possible', async () => {
    addModel('a');
    const lease = await pool.lease('a');
    const text = collect(lease.engine.generate(makeRequest({ stop: { maxTokens: 50 } })));
    lease.release();
    await pool.catalogue.lookIn([other]);
    await expect(pool.lease('a')).rejects.toMatchObject({ code: 'model_not_found' });
    expect((await text).finishes).toEqual(['length']);
    await pool.unload('a', 0);
    expect(pool.stateOf('a')).toBe('unloaded');
  });

  it('with another file of the same id mean that file at its next load', async () => {
    const [folder] = pool.catalogue.directories;
    addModel('a');
    (await pool.lease('a')).release();
    writeFileSync(join(other, 'a.gguf'), 'fake:?');
    await pool.catalogue.lookIn([other]);
    const loaded = await pool.lease('a');
    expect(loaded.model.path).toBe(join(folder ?? '', 'a.gguf'));
    loaded.release();
    await pool.unload('a', 0);
    const again = await pool.lease('a');
    expect(again.model.path).toBe(join(other, 'a.gguf'));
    again.release();
  });
});

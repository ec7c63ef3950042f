import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../core/logger.js';
import { Engine } from '../engine/engine.js';
import { InMemoryTransport } from '../testing/in-memory-transport.js';
import { collect, makeRequest } from '../testing/requests.js';
import { EnginePool } from './engine-pool.js';
import { ModelCatalogue } from './model-catalogue.js';
import type { PoolPolicy } from './pool-policy.js';
import { defaultModelSettings, type PoolSettings } from './pool-settings.js';

let folder: string;
let pool: EnginePool;
let transports: InMemoryTransport[];
/** Of each engine that was made, whether it had to be one that can be killed. */
let contained: boolean[];
/** Transitions, such as `a ready`. */
let happened: string[];

function makePool(
  policy: Partial<PoolPolicy> = {},
  memoryCeiling = 2 ** 40,
  more: Partial<PoolSettings> = {},
): EnginePool {
  return new EnginePool({
    catalogue: new ModelCatalogue([folder], silentLogger),
    settings: {
      defaults: { ...defaultModelSettings, contextSize: 512, slots: 2, batchSize: 64 },
      memoryCeiling,
      policy: { firstRetry: 0, minimumResidency: 0, ...policy },
      ...more,
    },
    createEngine(_, mustBeContained) {
      const transport = new InMemoryTransport();
      transports.push(transport);
      contained.push(mustBeContained);
      return new Engine(transport);
    },
    observer: {
      changed: ({ file, state }) => happened.push(`${file.id} ${state.kind}`),
      progress() {},
      lost: ({ id }) => happened.push(`${id} lost`),
      settled() {},
    },
  });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-pool-'));
  transports = [];
  contained = [];
  happened = [];
  pool = makePool();
});

afterEach(async () => {
  for (const { gate } of transports) gate.open();
  await pool.close();
  rmSync(folder, { recursive: true });
});

function addModel(id: string, url = 'fake:?'): void {
  writeFileSync(join(folder, `${id}.gguf`), url);
}

describe('loading', () => {
  it('happens once, however many ask at the same time', async () => {
    addModel('a', 'fake:?loadDelayMs=5');
    const leases = await Promise.all(Array.from({ length: 20 }, async () => pool.lease('a')));
    expect(new Set(leases.map(({ engine }) => engine)).size).toBe(1);
    expect(transports).toHaveLength(1);
    expect(happened).toEqual(['a queued', 'a loading', 'a ready']);
  });

  it('does not begin before a model is asked for', async () => {
    addModel('a');
    await pool.catalogue.scan();
    expect(transports).toHaveLength(0);
  });

  it('keeps no request to another model waiting', async () => {
    addModel('quick');
    addModel('slow', 'fake:?loadDelayMs=50');
    (await pool.lease('quick')).release();
    const slow = pool.lease('slow');
    const { engine } = await pool.lease('quick');
    expect((await collect(engine.generate(makeRequest()))).completionTokens[0]).toBeGreaterThan(0);
    expect(happened).not.toContain('slow ready');
    await slow;
  });

  it('that fails tells everyone who waits why, and is tried again when asked again', async () => {
    addModel('a', 'fake:?loadFails=model_load_failed');
    await pool.catalogue.scan();
    const asked = await Promise.allSettled([pool.lease('a'), pool.lease('a')]);
    for (const result of asked) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'model_load_failed' } });
    }
    addModel('a');
    await pool.lease('a');
    expect(transports).toHaveLength(2);
  });

  it('that failed is remembered until its retry time, unless it is asked for by name', async () => {
    pool = makePool({ firstRetry: 60_000 });
    addModel('a', 'fake:?loadFails=model_load_failed');
    await expect(pool.lease('a')).rejects.toMatchObject({ code: 'model_load_failed' });
    addModel('a');
    await expect(pool.lease('a')).rejects.toMatchObject({ code: 'model_load_failed' });
    expect(transports).toHaveLength(1);
    await pool.load('a');
    expect(transports).toHaveLength(2);
    await pool.lease('a');
  });

  it('is cancelled by an unload', async () => {
    addModel('a', 'fake:?loadSteps=1000&loadDelayMs=5');
    const asked = pool.lease('a').catch((error: unknown) => error);
    while (!happened.includes('a loading')) await new Promise((resolve) => setImmediate(resolve));
    await pool.unload('a', 0);
    expect(await asked).toMatchObject({ code: 'load_cancelled', retryable: true });
    expect(happened.at(-1)).toBe('a unloaded');
  });
});

describe('unloading', () => {
  it('goes through every state, and ends with nothing running', async () => {
    addModel('a');
    (await pool.lease('a')).release();
    await pool.unload('a', 0);
    expect(happened.slice(3)).toEqual(['a draining', 'a unloading', 'a settling', 'a unloaded']);
    expect(transports[0]?.running).toBe(false);
  });

  it('lets running requests end first, when they do in time', async () => {
    addModel('a');
    const lease = await pool.lease('a');
    const text = collect(lease.engine.generate(makeRequest({ stop: { maxTokens: 50 } })));
    lease.release();
    await pool.unload('a', 60_000);
    expect((await text).finishes).toEqual(['length']);
  });

  it('ends running requests with model_unloading at the deadline, after what they had produced', async () => {
    addModel('a');
    const lease = await pool.lease('a');
    const generation = lease.engine.generate(makeRequest({ stop: { maxTokens: 400, ignoreEos: true } }));
    lease.release();
    await generation.next();
    await generation.next();
    await pool.unload('a', 0);
    await expect(collect(generation)).rejects.toMatchObject({ code: 'model_unloading', retryable: true });
  });

  it('is not held up by 20 readers that have stopped reading, or by one that has vanished', async () => {
    addModel('a');
    const lease = await pool.lease('a');
    const unread = Array.from({ length: 21 }, () => lease.engine.generate(makeRequest()));
    lease.release();
    await Promise.all(unread.map(async (generation) => generation.next()));
    unread.pop()?.cancel();
    await pool.unload('a', 60_000);
    expect(happened.at(-1)).toBe('a unloaded');
    // What was produced is theirs: it waits for them, without the engine.
    for (const generation of unread) expect((await collect(generation)).finishes).toEqual(['length']);
  });

  it('waits for a lease that is being handed over', async () => {
    addModel('a');
    const lease = await pool.lease('a');
    const unloaded = pool.unload('a', 60_000);
    const text = collect(lease.engine.generate(makeRequest()));
    lease.release();
    await unloaded;
    expect((await text).finishes).toEqual(['length']);
  });

  it('keeps requests that come meanwhile waiting, and loads the model again for them', async () => {
    addModel('a');
    (await pool.lease('a')).release();
    const unloaded = pool.unload('a', 60_000);
    const { engine } = await pool.lease('a');
    await unloaded;
    expect(transports).toHaveLength(2);
    expect((await collect(engine.generate(makeRequest()))).finishes).toEqual(['length']);
  });

  it('of a model that is not loaded does nothing', async () => {
    addModel('a');
    await pool.unload('a', 0);
    expect(happened).toEqual([]);
    await expect(pool.unload('b', 0)).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('that is never confirmed quarantines the engine; the next one must be one that can be killed', async () => {
    pool = makePool({ teardownDeadline: 20 });
    addModel('a');
    const lease = await pool.lease('a');
    const [stuck] = transports;
    stuck?.gate.hold();
    const generation = lease.engine.generate(makeRequest());
    lease.release();
    await stuck?.gate.reached(1);
    await pool.unload('a', 0);
    expect(happened.at(-1)).toBe('a quarantined');
    expect(pool.ledger).toMatchObject([{ id: 'a', state: 'quarantined' }]);

    const { engine } = await pool.lease('a');
    expect(contained).toEqual([false, true]);
    expect((await collect(engine.generate(makeRequest()))).finishes).toEqual(['length']);
    stuck?.gate.open();
    await expect(collect(generation)).rejects.toMatchObject({ code: 'model_unloading' });
    while (pool.ledger.length > 1) await new Promise((resolve) => setImmediate(resolve));
    expect(pool.ledger).toMatchObject([{ id: 'a', state: 'resident' }]);
  });
});

describe('an engine that is lost', () => {
  it('is forgotten, and the next request loads the model again', async () => {
    addModel('a');
    const { engine } = await pool.lease('a');
    transports[0]?.crash();
    const again = await pool.lease('a');
    expect(again.engine).not.toBe(engine);
    expect(happened).toEqual(expect.arrayContaining(['a lost', 'a unloaded']));
  });

  it('again and again is a failed model, until its retry time', async () => {
    pool = makePool({ crashLimit: 3, firstRetry: 60_000 });
    addModel('a');
    for (let crash = 0; crash < 3; crash++) {
      const { engine } = await pool.lease('a');
      transports.at(-1)?.crash();
      await engine.exited;
    }
    await expect(pool.lease('a')).rejects.toMatchObject({ code: 'engine_crashed' });
    expect(happened.at(-1)).toBe('a failed');
    expect(transports).toHaveLength(3);
  });

  it('while it drains is unloaded by that', async () => {
    addModel('a');
    const lease = await pool.lease('a');
    const [transport] = transports;
    transport?.gate.hold();
    const generation = lease.engine.generate(makeRequest());
    const text = collect(generation).catch((error: unknown) => error);
    lease.release();
    const unloaded = pool.unload('a', 60_000);
    transport?.crash();
    await unloaded;
    expect(await text).toMatchObject({ code: 'engine_crashed' });
    expect(happened.at(-1)).toBe('a unloaded');
  });
});

describe('memory', () => {
  async function use(id: string): Promise<void> {
    const lease = await pool.lease(id);
    const text = collect(lease.engine.generate(makeRequest()));
    lease.release();
    await text;
    // Times of use are whole milliseconds: the next use is a later one.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }

  it('is made by unloading the idle model that was used longest ago', async () => {
    pool = makePool({}, 250);
    for (const id of ['a', 'b', 'c']) addModel(id, 'fake:?bytes=100');
    await use('a');
    await use('b');
    await use('a');
    await use('c');
    expect(pool.stateOf('b')).toBe('unloaded');
    expect(pool.ledger.map(({ id }) => id).toSorted()).toEqual(['a', 'c']);
    await use('b');
    expect(pool.stateOf('a')).toBe('unloaded');
  });

  it('that a busy model holds is waited for, and its requests end as they would have', async () => {
    pool = makePool({}, 150);
    addModel('a', 'fake:?bytes=100');
    addModel('b', 'fake:?bytes=100');
    const lease = await pool.lease('a');
    transports[0]?.gate.hold();
    const text = collect(lease.engine.generate(makeRequest()));
    lease.release();
    await transports[0]?.gate.reached(1);
    const waiting = pool.lease('b');
    while (pool.stateOf('b') !== 'queued') await new Promise((resolve) => setImmediate(resolve));
    expect(pool.stateOf('a')).toBe('ready');
    transports[0]?.gate.open();
    expect((await text).finishes).toEqual(['length']);
    (await waiting).release();
    expect(pool.stateOf('a')).toBe('unloaded');
  });

  it('that does not come free in time is refused, with who holds it, and not held against the model', async () => {
    pool = makePool({ queueWait: 20 }, 150);
    addModel('a', 'fake:?bytes=100');
    addModel('b', 'fake:?bytes=100');
    const lease = await pool.lease('a');
    await expect(pool.lease('b')).rejects.toMatchObject({
      code: 'insufficient_memory',
      message: expect.stringMatching(/Held by a .*in use/) as string,
    });
    lease.release();
    (await pool.lease('b')).release();
  });

  it('that can never be there is refused at once', async () => {
    pool = makePool({}, 150);
    addModel('a', 'fake:?bytes=100');
    addModel('big', 'fake:?bytes=151');
    await use('a');
    await expect(pool.lease('big')).rejects.toMatchObject({ code: 'insufficient_memory' });
    expect(pool.stateOf('a')).toBe('ready');
  });

  it('is never promised twice, however many models are asked for at the same time', async () => {
    pool = makePool({}, 350);
    const ids = Array.from({ length: 10 }, (_, index) => `m${index}`);
    for (const id of ids) addModel(id, 'fake:?bytes=100&loadDelayMs=1');
    let most = 0;
    const asked = ids.map(async (id) => {
      await use(id);
      most = Math.max(
        most,
        pool.ledger.reduce((sum, { bytes }) => sum + bytes, 0),
      );
    });
    await Promise.all(asked);
    expect(most).toBeLessThanOrEqual(350);
    expect(happened.filter((what) => what.endsWith(' ready'))).toHaveLength(10);
  });

  it('of a quarantined engine stays on the ledger', async () => {
    pool = makePool({ teardownDeadline: 20, queueWait: 20 }, 150);
    addModel('a', 'fake:?bytes=100');
    addModel('b', 'fake:?bytes=100');
    const lease = await pool.lease('a');
    const [stuck] = transports;
    stuck?.gate.hold();
    const generation = lease.engine.generate(makeRequest());
    lease.release();
    await stuck?.gate.reached(1);
    await pool.unload('a', 0);
    expect(pool.ledger).toMatchObject([{ id: 'a', bytes: 100, state: 'quarantined' }]);
    await expect(pool.lease('b')).rejects.toMatchObject({ code: 'insufficient_memory' });
    stuck?.gate.open();
    await expect(collect(generation)).rejects.toMatchObject({ code: 'model_unloading' });
  });
});

describe('an alias', () => {
  it('stands for its model wherever a model is named', async () => {
    pool = makePool({}, undefined, { aliases: { other: 'a' } });
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
    pool = makePool({}, undefined, { aliases: { a: 'b', b: 'a' } });
    addModel('a');
    addModel('b');
    expect((await pool.lease('a')).model.id).toBe('b');
    expect((await pool.lease('b')).model.id).toBe('a');
  });

  it('of a model that is not there is refused with both names', async () => {
    pool = makePool({}, undefined, { aliases: { other: 'gone' } });
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
    pool = makePool({}, undefined, {
      models: { c: { preload: true, pinned: true }, a: { preload: true }, b: { preload: true } },
    });
    for (const id of ['a', 'b', 'c', 'd']) addModel(id, 'fake:?loadDelayMs=2');
    await pool.preload(() => expect.unreachable());
    const loads = happened.filter((what) => !what.endsWith('queued'));
    expect(loads).toEqual(['c loading', 'c ready', 'a loading', 'a ready', 'b loading', 'b ready']);
    expect(pool.stateOf('d')).toBe('unloaded');
  });

  it('goes on when a model can not be loaded, and says why', async () => {
    pool = makePool({}, undefined, { models: { a: { preload: true }, b: { preload: true } } });
    addModel('a', 'fake:?loadFails=model_file_invalid');
    addModel('b');
    const failed: string[] = [];
    await pool.preload(({ id }, { code }) => failed.push(`${id} ${code}`));
    expect(failed).toEqual(['a model_file_invalid']);
    expect(pool.stateOf('b')).toBe('ready');
  });

  it('leaves out a model that an alias hides: nobody could ask for it', async () => {
    pool = makePool({}, undefined, { models: { a: { preload: true } }, aliases: { a: 'b' } });
    addModel('a');
    addModel('b');
    await pool.preload(() => expect.unreachable());
    expect(transports).toHaveLength(0);
  });

  it('ends when the pool closes, and that is no failure', async () => {
    pool = makePool({}, undefined, { models: { a: { preload: true }, b: { preload: true } } });
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
    pool = makePool({ firstRetry: 60_000 });
    addModel('a', 'fake:?loadFails=model_load_failed');
    await expect(pool.lease('a')).rejects.toMatchObject({ code: 'model_load_failed' });
    pool.configure({ defaults, policy: { firstRetry: 0 } });
    await expect(pool.load('a')).rejects.toMatchObject({ code: 'model_load_failed' });
    await expect(pool.lease('a')).rejects.toMatchObject({ code: 'model_load_failed' });
    expect(transports).toHaveLength(3);
  });

  it('with more memory let a model in that waits for some', async () => {
    pool = makePool({}, 150);
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
    addModel('a');
    (await pool.lease('a')).release();
    writeFileSync(join(other, 'a.gguf'), 'fake:?');
    await pool.catalogue.lookIn([other]);
    const loaded = await pool.lease('a');
    expect(loaded.model.path).toBe(join(folder, 'a.gguf'));
    loaded.release();
    await pool.unload('a', 0);
    const again = await pool.lease('a');
    expect(again.model.path).toBe(join(other, 'a.gguf'));
    again.release();
  });
});

describe('closing', () => {
  it('unloads every model and takes no more requests', async () => {
    addModel('a');
    addModel('b');
    (await pool.lease('a')).release();
    (await pool.lease('b')).release();
    await pool.close();
    expect(transports.every((transport) => !transport.running)).toBe(true);
    await expect(pool.lease('a')).rejects.toMatchObject({ code: 'server_shutting_down' });
  });

  it('lets running requests end first, and refuses those that wait for a model', async () => {
    addModel('a');
    const lease = await pool.lease('a');
    const text = collect(lease.engine.generate(makeRequest({ stop: { maxTokens: 50 } })));
    lease.release();
    const closed = pool.close(60_000);
    await expect(pool.lease('a')).rejects.toMatchObject({ code: 'server_shutting_down' });
    await closed;
    expect((await text).finishes).toEqual(['length']);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InMemoryTransport } from '../testing/in-memory-transport.js';
import { collect, makeRequest } from '../testing/requests.js';
import { TestPool } from '../testing/test-pool.js';
import type { EnginePool } from './engine-pool.js';
import type { PoolPolicy } from './pool-policy.js';

let test: TestPool;
let pool: EnginePool;
let transports: readonly InMemoryTransport[];
let contained: readonly boolean[];
let happened: readonly string[];

/** The pool of the test, in place of the one that it began with. */
async function renewPool(policy: Partial<PoolPolicy> = {}, memoryCeiling = 2 ** 40): Promise<void> {
  await test.close();
  begin(policy, memoryCeiling);
}

function begin(policy: Partial<PoolPolicy> = {}, memoryCeiling = 2 ** 40): void {
  test = new TestPool({ policy, memoryCeiling });
  ({ pool, transports, contained, happened } = test);
}

beforeEach(() => begin());
afterEach(async () => test.close());

function addModel(id: string, url = 'fake:?'): void {
  test.addModel(id, url);
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
    await renewPool({ firstRetry: 60_000 });
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

  it('can be hurried by a second call', async () => {
    addModel('a');
    const lease = await pool.lease('a');
    const [transport] = transports;
    transport?.gate.hold();
    const text = collect(lease.engine.generate(makeRequest())).catch((error: unknown) => error);
    lease.release();
    await transport?.gate.reached(1);
    const patient = pool.unload('a', 3_600_000);
    await test.until('a draining');
    const hasty = pool.unload('a', 0);
    await test.until('a unloading');
    await new Promise((resolve) => setImmediate(resolve)); // the engine is told
    transport?.gate.open();
    await Promise.all([patient, hasty]);
    expect(await text).toMatchObject({ code: 'model_unloading' });
  });

  it('that is never confirmed quarantines the engine; the next one must be one that can be killed', async () => {
    await renewPool({ teardownDeadline: 20 });
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
    // Its clients are told while it is still stuck.
    await expect(collect(generation)).rejects.toMatchObject({ code: 'model_unloading' });

    const { engine } = await pool.lease('a');
    expect(contained).toEqual([false, true]);
    expect((await collect(engine.generate(makeRequest()))).finishes).toEqual(['length']);
    stuck?.gate.open();
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
    await renewPool({ crashLimit: 3, firstRetry: 60_000 });
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
    await test.use(id);
  }

  it('is made by unloading the idle model that was used longest ago', async () => {
    await renewPool({}, 250);
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
    await renewPool({}, 150);
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
    await renewPool({ queueWait: 20 }, 150);
    addModel('a', 'fake:?bytes=100');
    addModel('b', 'fake:?bytes=100');
    const lease = await pool.lease('a');
    await expect(pool.lease('b')).rejects.toMatchObject({
      code: 'insufficient_memory',
      retryable: true,
      message: expect.stringMatching(/Held by a .*in use/) as string,
    });
    lease.release();
    (await pool.lease('b')).release();
  });

  it('that can never be there is refused at once', async () => {
    await renewPool({}, 150);
    addModel('a', 'fake:?bytes=100');
    addModel('big', 'fake:?bytes=151');
    await use('a');
    await expect(pool.lease('big')).rejects.toMatchObject({ code: 'insufficient_memory', retryable: false });
    expect(pool.stateOf('a')).toBe('ready');
  });

  it('is never promised twice, however many models are asked for at the same time', async () => {
    await renewPool({}, 350);
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
    await renewPool({ teardownDeadline: 20, queueWait: 20 }, 150);
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

import { afterEach, describe, expect, it } from 'vitest';
import { collect, makeRequest } from '../testing/requests.js';
import { TestPool } from '../testing/test-pool.js';
import { defaultModelSettings } from './pool-settings.js';
import type { PoolSettings } from './pool-settings.js';
import type { PoolPolicy } from './pool-policy.js';

let test: TestPool;

afterEach(async () => test.close());

/** A pool with room for so many models of 100 bytes. */
function begin(
  { policy, room = 10, ...settings }: Partial<PoolSettings> & { policy?: Partial<PoolPolicy>; room?: number },
  ...models: readonly string[]
): void {
  test = new TestPool({
    memoryCeiling: room * 100 + 50,
    ...(policy === undefined ? {} : { policy }),
    ...settings,
  });
  for (const id of models) test.addModel(id, 'fake:?bytes=100');
}

/** Resolves when so many callers wait for the first model. */
async function callersWaiting(count: number): Promise<void> {
  while (test.pool.models[0]?.waiting !== count) await new Promise((resolve) => setImmediate(resolve));
}

describe('an idle timeout', () => {
  it('unloads a model that nobody asks for, and only that', async () => {
    begin({ models: { a: { idleTimeout: 20 } } }, 'a', 'b');
    await test.use('b');
    await test.use('a');
    await test.until('a unloaded');
    expect(test.pool.stateOf('b')).toBe('ready');
  });

  it('begins anew with each request', async () => {
    begin({ defaults: { ...defaultModelSettings, idleTimeout: 40 } }, 'a');
    for (let request = 0; request < 5; request++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      await test.use('a');
    }
    const [model] = test.pool.models;
    while (model?.state.kind === 'ready') await new Promise((resolve) => setImmediate(resolve));
    expect(Date.now() - (model?.lastUsed ?? 0)).toBeGreaterThanOrEqual(40);
    await test.until('a unloaded');
  });

  it('does not end a request that takes longer', async () => {
    begin({ defaults: { ...defaultModelSettings, idleTimeout: 5 } }, 'a');
    const lease = await test.pool.lease('a');
    test.transports[0]?.gate.hold();
    const text = collect(lease.engine.generate(makeRequest()));
    lease.release();
    await test.transports[0]?.gate.reached(1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(test.pool.stateOf('a')).toBe('ready');
    test.transports[0]?.gate.open();
    expect((await text).finishes).toEqual(['length']);
    await test.until('a unloaded');
  });

  it('that is configured later holds for a model that is idle already', async () => {
    begin({}, 'a');
    await test.use('a');
    test.configure({ models: { a: { idleTimeout: 1 } } });
    await test.until('a unloaded');
    expect(test.pool.ledger).toEqual([]);
  });
});

describe('a pinned model', () => {
  it('makes no room for another', async () => {
    begin({ room: 2, models: { a: { pinned: true } } }, 'a', 'b', 'c');
    await test.use('a');
    await test.use('b');
    await test.use('c');
    expect(test.pool.stateOf('a')).toBe('ready');
    expect(test.pool.stateOf('b')).toBe('unloaded');
  });

  it('is named where it keeps a model from ever fitting', async () => {
    begin({ room: 1, models: { a: { pinned: true } } }, 'a', 'b');
    await test.use('a');
    await expect(test.pool.lease('b')).rejects.toMatchObject({
      code: 'insufficient_memory',
      message: expect.stringMatching(/a \(.*pinned\).*[Uu]npin/) as string,
    });
  });
});

describe('an engine that stays in use', () => {
  it('gives way to a model that has waited long enough, then its waiting requests are served', async () => {
    begin({ room: 1, policy: { groupWait: 30, queueWait: 60_000 } }, 'a', 'b');
    const users = { stop: false, served: 0 };
    // At no moment is the model idle.
    const running = Array.from({ length: 3 }, async () => {
      while (!users.stop) {
        await test.use('a');
        users.served++;
      }
    });
    await test.until('a ready');
    const lease = await test.pool.lease('b');
    const enough = users.served + 3;
    const text = collect(lease.engine.generate(makeRequest()));
    lease.release();
    expect((await text).finishes).toEqual(['length']);
    while (users.served < enough) await new Promise((resolve) => setImmediate(resolve));
    users.stop = true;
    await Promise.all(running);
    expect(test.happened).not.toContain('a lost');
  });

  it('takes requests again when the model that waited gives up', async () => {
    begin({ room: 1, policy: { groupWait: 1, queueWait: 60_000 } }, 'a', 'b');
    const lease = await test.pool.lease('a');
    const leaver = new AbortController();
    const waiting = test.pool.lease('b', leaver.signal).catch((error: unknown) => error);
    const [model] = test.pool.models;
    // The engine is in use by the lease, and held: the next caller waits.
    let second: Promise<void> | undefined;
    while (second === undefined) {
      const asked = test.pool.lease('a').then((granted) => granted.release());
      await new Promise((resolve) => setTimeout(resolve, 3));
      if ((model?.waiting ?? 0) > 0) second = asked;
    }
    leaver.abort();
    expect(await waiting).toMatchObject({ code: 'request_cancelled' });
    await second;
    lease.release();
    expect(test.happened.filter((what) => what === 'a ready')).toHaveLength(1);
  });
});

describe('callers that wait for a model', () => {
  it('are limited in number, and the next is told to come again', async () => {
    begin({ policy: { maxQueue: 3 } });
    test.addModel('a', 'fake:?bytes=100&loadSteps=1000&loadDelayMs=5');
    const leavers = Array.from({ length: 3 }, () => new AbortController());
    const waiting = leavers.map(async ({ signal }) =>
      test.pool.lease('a', signal).catch((error: unknown) => error),
    );
    await callersWaiting(3);
    await expect(test.pool.lease('a')).rejects.toMatchObject({ code: 'queue_full', retryable: true });
    for (const leaver of leavers) leaver.abort();
    for (const error of await Promise.all(waiting))
      expect(error).toMatchObject({ code: 'request_cancelled' });
    await test.until('a unloaded');
  });

  it('that all leave cancel the load; one that stays does not', async () => {
    begin({});
    test.addModel('a', 'fake:?bytes=100&loadSteps=50&loadDelayMs=5');
    const [one, other] = [new AbortController(), new AbortController()];
    const waiting = [one, other].map(async ({ signal }) =>
      test.pool.lease('a', signal).catch((error: unknown) => error),
    );
    await callersWaiting(2);
    await test.until('a loading');
    one.abort();
    await waiting[0];
    expect(test.pool.stateOf('a')).toBe('loading');
    const stays = test.pool.lease('a');
    await callersWaiting(2);
    other.abort();
    (await stays).release();
    expect(test.happened).toEqual(['a queued', 'a loading', 'a ready']);
  });

  it('that come while a load is being cancelled have their own', async () => {
    begin({});
    test.addModel('a', 'fake:?bytes=100&loadSteps=50&loadDelayMs=5');
    const leaver = new AbortController();
    const left = test.pool.lease('a', leaver.signal).catch((error: unknown) => error);
    await test.until('a loading');
    leaver.abort();
    await left;
    (await test.pool.lease('a')).release();
    expect(test.happened.filter((what) => what === 'a queued')).toHaveLength(2);
  });
});

describe('an engine that makes no progress', () => {
  it('is given up: its requests fail, and the next engine must be one that can be killed', async () => {
    begin({ policy: { stallDeadline: 40 } }, 'a', 'b');
    await test.use('b');
    const lease = await test.pool.lease('a');
    const stuck = test.transports[1];
    stuck?.gate.hold();
    const generation = lease.engine.generate(makeRequest());
    lease.release();
    await expect(collect(generation)).rejects.toMatchObject({ code: 'engine_stalled', retryable: true });
    expect(test.pool.stateOf('a')).toBe('quarantined');
    expect(test.pool.models.find(({ file }) => file.id === 'a')?.problem).toMatch(/did not end/);
    await test.use('a');
    expect(test.contained).toEqual([false, false, true]);
    expect(test.pool.stateOf('b')).toBe('ready');
    // The thread comes back to life, finds that it was given up, and its memory is free.
    stuck?.gate.open();
    while (test.pool.ledger.length > 2) await new Promise((resolve) => setImmediate(resolve));
    expect(test.pool.ledger.map(({ state }) => state)).toEqual(['resident', 'resident']);
  });

  it('while it loads is given up too', async () => {
    begin({ policy: { stallDeadline: 40 } });
    test.addModel('a', 'fake:?bytes=100&loadSteps=1&loadDelayMs=400');
    await expect(test.pool.lease('a')).rejects.toMatchObject({ code: 'engine_stalled' });
    expect(test.pool.stateOf('a')).toBe('quarantined');
    await test.until('a unloaded');
  });

  it('but has nothing to do is left alone', async () => {
    begin({ policy: { stallDeadline: 8 } }, 'a');
    await test.use('a');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(test.pool.stateOf('a')).toBe('ready');
  });
});

describe('keepAlive', () => {
  it('goes before the idle timeout, until the model is unloaded', async () => {
    begin({ models: { a: { idleTimeout: 5 } } }, 'a');
    const lease = await test.pool.lease('a');
    test.pool.keepAlive('a', Infinity);
    lease.release();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(test.pool.stateOf('a')).toBe('ready');
    await test.pool.unload('a', 0);
    await test.use('a');
    await test.until('a unloaded');
  });

  it('of no time unloads a model at once that nobody uses, and another one as soon as it is idle', async () => {
    begin({ defaults: { ...defaultModelSettings, idleTimeout: Infinity } }, 'a');
    await test.use('a');
    test.pool.keepAlive('a', 0);
    await test.until('a unloaded');
    const lease = await test.pool.lease('a');
    const gate = test.transports.at(-1)?.gate;
    gate?.hold();
    const text = collect(lease.engine.generate(makeRequest()));
    test.pool.keepAlive('a', 0);
    lease.release();
    await gate?.reached(1);
    expect(test.pool.stateOf('a')).toBe('ready');
    gate?.open();
    expect((await text).finishes).toEqual(['length']);
    const [model] = test.pool.models;
    while (model?.state.kind !== 'unloaded') await new Promise((resolve) => setImmediate(resolve));
  });

  it('of a model that is not loaded changes nothing', async () => {
    begin({ defaults: { ...defaultModelSettings, idleTimeout: Infinity } }, 'a');
    test.pool.keepAlive('a', 0);
    await test.use('a');
    await test.pool.unload('a', 0);
    test.pool.keepAlive('a', 0);
    await test.use('a');
    expect(test.pool.models[0]?.keepAlive).toBeUndefined();
    expect(test.pool.stateOf('a')).toBe('ready');
  });
});

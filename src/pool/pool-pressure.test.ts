import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collect, makeRequest } from '../testing/requests.js';
import { ScriptedProbe } from '../testing/scripted-probe.js';
import { TestPool } from '../testing/test-pool.js';
import type { PoolPolicy } from './pool-policy.js';

let test: TestPool;
let probe: ScriptedProbe;

function begin(policy: Partial<PoolPolicy> = {}): void {
  probe = new ScriptedProbe();
  probe.availableBytes = 2 ** 50;
  test = new TestPool({
    policy: { memoryInterval: 2, ...policy },
    probe,
    models: { pinned: { pinned: true } },
  });
  for (const id of ['a', 'b', 'pinned']) test.addModel(id, 'fake:?bytes=100');
}

/** Little is left of any machine: soft pressure at 3 %, hard at 1 %. */
async function leave(share: number): Promise<void> {
  probe.availableBytes = test.pool.machineBytes * share;
  const pressure = share < 0.02 ? 'hard' : share < 0.04 ? 'soft' : 'none';
  while (test.pool.pressure !== pressure) await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(() => begin());
afterEach(async () => test.close());

describe('under soft pressure', () => {
  it('running requests go on, and new ones wait for relief', async () => {
    test.configure({ policy: { memoryInterval: 2, minimumResidency: 60_000 } });
    const lease = await test.pool.lease('a');
    test.transports[0]?.gate.hold();
    const running = collect(lease.engine.generate(makeRequest()));
    lease.release();
    await leave(0.03);
    let granted = false;
    const waiting = test.pool.lease('a').then((next) => {
      granted = true;
      next.release();
    });
    test.transports[0]?.gate.open();
    expect((await running).finishes).toEqual(['length']);
    expect(granted).toBe(false);
    expect(test.pool.stateOf('a')).toBe('ready');
    probe.availableBytes = test.pool.machineBytes;
    await waiting;
  });

  it('new requests are refused when none comes in time', async () => {
    await test.close();
    begin({ queueWait: 20 });
    await test.use('a');
    await leave(0.03);
    await expect(test.pool.lease('a')).rejects.toMatchObject({ code: 'memory_pressure', retryable: true });
  });
});

describe('under soft pressure that lasts', () => {
  it('idle engines are unloaded, one after the other, and those in use and pinned ones stay', async () => {
    const lease = await test.pool.lease('b');
    await test.use('pinned');
    await test.use('a');
    await leave(0.03);
    await test.until('a unloaded');
    const { looks } = probe;
    while (probe.looks < looks + 5) await new Promise((resolve) => setImmediate(resolve));
    expect(test.pool.stateOf('b')).toBe('ready');
    lease.release();
    await test.until('b unloaded');
    expect(test.pool.stateOf('pinned')).toBe('ready');
    expect(test.pool.pressure).toBe('soft');
  });
});

describe('under hard pressure', () => {
  it('idle engines are unloaded, the one used longest ago first, and pinned ones stay', async () => {
    for (const id of ['pinned', 'a', 'b']) await test.use(id);
    await leave(0.01);
    await test.until('b unloaded');
    expect(test.happened.indexOf('a unloaded')).toBeLessThan(test.happened.indexOf('b unloaded'));
    expect(test.happened.indexOf('a unloaded')).toBeGreaterThan(0);
    expect(test.pool.stateOf('pinned')).toBe('ready');
  });

  it('engines in use are unloaded when no other is left, and their requests can be sent again', async () => {
    const lease = await test.pool.lease('a');
    const generation = lease.engine.generate(makeRequest({ stop: { maxTokens: 100_000 } }));
    const running = collect(generation).catch((error: unknown) => error);
    lease.release();
    await test.use('b');
    await leave(0.01);
    expect(await running).toMatchObject({ code: 'model_unloading', retryable: true });
    await test.until('a unloaded');
    expect(test.happened.indexOf('b unloaded')).toBeLessThan(test.happened.indexOf('a unloaded'));
    expect(test.pool.ledger).toEqual([]);
    const waiting = test.use('a');
    probe.availableBytes = test.pool.machineBytes;
    await waiting;
  });

  it('no second engine is unloaded before the memory of the first is back, since that may be enough', async () => {
    const big = 100 * 2 ** 20;
    test.addModel('big', `fake:?bytes=${big}`);
    probe.bytes = 2 * big;
    await test.use('big');
    await test.use('b');
    await leave(0.01);
    await test.until('big settling');
    const { looks } = probe;
    while (probe.looks < looks + 5) await new Promise((resolve) => setImmediate(resolve));
    expect(test.pool.stateOf('b')).toBe('ready');
    probe.availableBytes = test.pool.machineBytes;
    probe.bytes = big;
    await test.until('big unloaded');
    expect(test.pool.stateOf('b')).toBe('ready');
  });

  it('a drain is cut short: its requests can be sent again', async () => {
    const lease = await test.pool.lease('a');
    const generation = lease.engine.generate(makeRequest({ stop: { maxTokens: 100_000 } }));
    const running = collect(generation).catch((error: unknown) => error);
    lease.release();
    const unloading = test.pool.unload('a', 60_000);
    await leave(0.01);
    expect(await running).toMatchObject({ code: 'model_unloading', retryable: true });
    await unloading;
  });

  it('is relieved although the probe hangs, as far as the ledger tells', async () => {
    await test.use('a');
    probe.failure = 'hang';
    while (probe.hanging === 0) await new Promise((resolve) => setImmediate(resolve));
    test.configure({ memoryCeiling: 50 });
    await test.until('a unloaded');
    expect(probe.hanging).toBeGreaterThan(0);
  });

  it('a probe that fails is no reason to unload anything', async () => {
    await test.use('a');
    probe.failure = 'reject';
    const { readings } = probe;
    while (probe.readings < readings + 3 && test.pool.models[0]?.engine?.processId !== undefined)
      await new Promise((resolve) => setImmediate(resolve));
    await test.use('a');
    expect(test.pool.pressure).toBe('none');
  });
});

describe('memory that does not come back', () => {
  /** More than the tolerance of the barrier. */
  const big = 100 * 2 ** 20;

  it('in time stays on the ledger until it is back, and the verdict is late', async () => {
    await test.close();
    begin({ settleDeadline: 5, leakDeadline: 60_000 });
    test.addModel('big', `fake:?bytes=${big}`);
    probe.bytes = 2 * big;
    await test.use('big');
    await test.pool.unload('big', 0);
    expect(test.pool.ledger).toMatchObject([{ id: 'big', bytes: big, state: 'releasing' }]);
    expect(test.settled).toEqual([]);
    probe.bytes = big;
    while (test.settled.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(test.settled).toMatchObject([{ verdict: 'late', expectedBytes: big, returnedBytes: big }]);
    expect(test.pool.ledger).toEqual([]);
  });

  it('at all stays on the ledger, and the verdict is leaked', async () => {
    await test.close();
    begin({ settleDeadline: 5, leakDeadline: 10 });
    test.addModel('big', `fake:?bytes=${big}`);
    probe.bytes = 2 * big;
    await test.use('big');
    await test.pool.unload('big', 0);
    while (test.settled.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(test.settled).toMatchObject([{ verdict: 'leaked', returnedBytes: 0 }]);
    expect(test.pool.ledger).toMatchObject([{ id: 'big', bytes: big, state: 'leaked' }]);
    expect(test.pool.models[0]?.problem).toMatch(/did not come back/);
    await test.use('big');
  });

  it('stays as far as it is missing when all waiting is over', async () => {
    await test.close();
    begin({ settleDeadline: 5, leakDeadline: 50 });
    test.addModel('big', `fake:?bytes=${big}`);
    probe.bytes = 2 * big;
    await test.use('big');
    await test.pool.unload('big', 0);
    expect(test.pool.ledger).toMatchObject([{ bytes: big, state: 'releasing' }]);
    probe.bytes = 1.5 * big;
    while (test.settled.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(test.pool.ledger).toMatchObject([{ id: 'big', bytes: big / 2, state: 'leaked' }]);
  });

  it('counts when pressure is told', async () => {
    await test.close();
    begin({ settleDeadline: 5, leakDeadline: 10 });
    test.addModel('big', `fake:?bytes=${big}`);
    probe.bytes = 2 * big;
    await test.use('big');
    await test.pool.unload('big', 0);
    while (test.settled.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await test.use('a');
    expect(test.pool.pressure).toBe('none');
    test.configure({ memoryCeiling: 0.8 * big });
    await test.until('a unloaded');
  });

  it('as far as anybody can tell, since the probe fails, is not waited for', async () => {
    probe.failure = 'reject';
    await test.use('a');
    await test.pool.unload('a', 0);
    expect(test.settled).toMatchObject([{ verdict: 'indeterminate' }]);
    expect(test.pool.ledger).toEqual([]);
  });
});

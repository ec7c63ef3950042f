import { describe, expect, it } from 'vitest';
import type { MemoryNeed } from '../core/memory.js';
import { ScriptedProbe } from '../testing/scripted-probe.js';
import { BoundedProbe } from './bounded-probe.js';
import { settleReport, SettleBarrier, type Release } from './settle-barrier.js';

const MiB = 2 ** 20;

/** Of it, a thread is known to have written 600 MiB. */
const need: MemoryNeed = {
  mappedWeightBytes: 1000 * MiB,
  copiedWeightBytes: 500 * MiB,
  cacheBytes: 100 * MiB,
  computeBytes: 200 * MiB,
  tableBytes: 10 * MiB,
  codeBytes: 10 * MiB,
  deviceBytes: 0,
  totalBytes: 1820 * MiB,
  basis: 'dry-run',
};

async function prepared(processId: number | undefined): Promise<{
  probe: ScriptedProbe;
  barrier: SettleBarrier;
  release: Release;
}> {
  const probe = new ScriptedProbe();
  probe.bytes = 2000 * MiB;
  const barrier = new SettleBarrier(new BoundedProbe(probe));
  return { probe, barrier, release: await barrier.prepare(processId, need) };
}

describe('the memory of a process', () => {
  it('is back when the process is gone', async () => {
    const { probe, barrier, release } = await prepared(4711);
    expect(release.expectedBytes).toBe(2000 * MiB);
    probe.bytes = 0;
    expect(await barrier.wait(release, 0)).toEqual({ state: 'returned', returnedBytes: 2000 * MiB });
  });

  it('is missing as long as the process is there', async () => {
    const { probe, barrier, release } = await prepared(4711);
    probe.bytes = 1 * MiB;
    expect(await barrier.wait(release, 20)).toEqual({ state: 'missing', returnedBytes: 1999 * MiB });
    expect(probe.readings).toBeGreaterThan(2);
  });
});

describe('the memory of a thread', () => {
  it('is back when what the engine wrote is, but for 5 %', async () => {
    const { probe, barrier, release } = await prepared(undefined);
    expect(release.expectedBytes).toBe(600 * MiB);
    probe.bytes = (2000 - 569) * MiB;
    expect(await barrier.wait(release, 0)).toMatchObject({ state: 'missing', returnedBytes: 569 * MiB });
    probe.bytes = (2000 - 571) * MiB;
    expect(await barrier.wait(release, 0)).toMatchObject({ state: 'returned', returnedBytes: 571 * MiB });
  });

  it('is waited for', async () => {
    const { probe, barrier, release } = await prepared(undefined);
    const waiting = barrier.wait(release, 60_000);
    while (probe.readings < 4) await new Promise((resolve) => setImmediate(resolve));
    probe.bytes = 1300 * MiB;
    expect(await waiting).toEqual({ state: 'returned', returnedBytes: 700 * MiB });
  });

  it('is unknown when another engine was loaded or unloaded meanwhile, unless enough fell all the same', async () => {
    for (const disturbance of [
      async (barrier: SettleBarrier) => Promise.resolve(barrier.disturb()),
      async (barrier: SettleBarrier) => barrier.prepare(undefined, need),
    ]) {
      const { probe, barrier, release } = await prepared(undefined);
      await disturbance(barrier);
      expect(await barrier.wait(release, 60_000)).toEqual({ state: 'unknown', returnedBytes: 0 });
      probe.bytes = 1000 * MiB;
      expect(await barrier.wait(release, 0)).toMatchObject({ state: 'returned' });
    }
  });

  it('is waited for in the background without keeping the process', async () => {
    const { probe, barrier, release } = await prepared(undefined);
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const waiting = barrier.wait(release, 60_000, { background: true });
    while (probe.readings < 2) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(timers()).toBe(before);
    probe.bytes = 0;
    expect(await waiting).toMatchObject({ state: 'returned' });
  });

  it('is not disturbed by an engine in a process', async () => {
    const { barrier, release } = await prepared(undefined);
    await barrier.prepare(4711, need);
    expect(await barrier.wait(release, 0)).toMatchObject({ state: 'missing' });
  });
});

describe('memory that can not be read', () => {
  it.each(['reject', 'hang', 'nothing'] as const)('before or after is unknown (%s)', async (failure) => {
    const { probe, barrier, release } = await prepared(undefined);
    probe.failure = failure;
    expect(await barrier.wait(release, 60_000)).toEqual({ state: 'unknown' });
    const blind = await barrier.prepare(undefined, need);
    probe.failure = undefined;
    expect(await barrier.wait(blind, 60_000)).toEqual({ state: 'unknown' });
  });
});

describe('the verdict', () => {
  it.each([
    ['returned', false, 'settled'],
    ['returned', true, 'late'],
    ['missing', true, 'leaked'],
    ['unknown', false, 'indeterminate'],
  ] as const)('on memory that is %s (late: %s) is %s', async (state, late, verdict) => {
    const { release } = await prepared(4711);
    const report = settleReport(release, { state, returnedBytes: 5 }, { late, milliseconds: 1.4 });
    expect(report).toEqual({ verdict, expectedBytes: 2000 * MiB, returnedBytes: 5, milliseconds: 1 });
  });
});

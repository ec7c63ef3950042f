import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ScriptedProbe } from '../testing/scripted-probe.js';
import { TestPool } from '../testing/test-pool.js';
import type { PoolPolicy } from './pool-policy.js';

const GiB = 2 ** 30;

let test: TestPool;
let probe: ScriptedProbe;

/** One GPU of 10 GiB, of which other programs use 1. */
function begin(policy: Partial<PoolPolicy> = {}): void {
  probe = new ScriptedProbe();
  use(1);
  test = new TestPool({ policy: { memoryInterval: 2, queueWait: 20, ...policy }, probe });
  for (const [id, size] of Object.entries({ small: 3, medium: 6, large: 9.5, huge: 11 }))
    test.addModel(id, `fake:?bytes=100&deviceBytes=${size * GiB}`);
}

function use(gibibytes: number, own?: number): void {
  const processes = new Map(own === undefined ? [] : [[process.pid, own * GiB]]);
  probe.gpuMemory = [{ id: 'gpu', totalBytes: 10 * GiB, usedBytes: gibibytes * GiB, processes }];
}

beforeEach(() => begin());
afterEach(async () => {
  probe.gpuFailure = true; // what is loaded still is unloaded without waiting for its memory
  await test.close();
});

describe('a pool on a GPU', () => {
  it('keeps its memory on the ledger, and makes room in it', async () => {
    await test.use('small');
    expect(test.pool.ledger).toMatchObject([{ id: 'small', bytes: 100, gpuBytes: 3 * GiB }]);
    use(4);
    await test.use('medium');
    expect(test.pool.stateOf('small')).toBe('ready');
    use(10);
    test.addModel('other', `fake:?bytes=100&deviceBytes=${2 * GiB}`);
    const other = test.use('other');
    await test.until('small unloading');
    use(7);
    await other;
    expect(test.pool.stateOf('medium')).toBe('ready');
  });

  it('refuses at once what the GPU has not, and what can never be', async () => {
    await expect(test.pool.lease('large')).rejects.toMatchObject({
      code: 'insufficient_memory',
      retryable: true,
      message: expect.stringContaining('Other programs use 1.0 GiB') as string,
    });
    await expect(test.pool.lease('huge')).rejects.toMatchObject({ retryable: false });
    use(0);
    await test.use('large');
  });

  it('refuses nothing where GPUs can not be read', async () => {
    probe.failure = 'reject';
    await test.use('huge');
    expect(test.pool.stateOf('huge')).toBe('ready');
  });
});

describe('the memory of a GPU', () => {
  it('is waited for after an unload', async () => {
    await test.use('medium');
    use(7, 6);
    const unloaded = test.pool.unload('medium', 0);
    await test.until('medium settling');
    const { gpuReadings } = probe;
    while (probe.gpuReadings < gpuReadings + 2) await new Promise((resolve) => setImmediate(resolve));
    expect(test.pool.stateOf('medium')).toBe('settling');
    use(1, 0);
    await unloaded;
    const gpu = { expectedBytes: 6 * GiB, returnedBytes: 6 * GiB };
    expect(test.settled).toMatchObject([{ verdict: 'settled', gpu }]);
    expect(test.pool.ledger).toEqual([]);
  });

  it('that does not come back stays on the ledger', async () => {
    await test.close();
    begin({ settleDeadline: 5, leakDeadline: 10 });
    await test.use('medium');
    use(7, 6);
    await test.pool.unload('medium', 0);
    while (test.settled.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(test.settled).toMatchObject([
      { verdict: 'leaked', gpu: { expectedBytes: 6 * GiB, returnedBytes: 0 } },
    ]);
    expect(test.pool.ledger).toMatchObject([{ id: 'medium', gpuBytes: 6 * GiB, state: 'leaked' }]);
    await expect(test.pool.lease('medium')).rejects.toMatchObject({ code: 'insufficient_memory' });
  });

  it('may be in the hands of another program where nobody says whose it is', async () => {
    await test.close();
    begin({ settleDeadline: 5 });
    await test.use('medium');
    use(7);
    await test.pool.unload('medium', 0);
    expect(test.settled).toMatchObject([{ verdict: 'indeterminate', gpu: { returnedBytes: 0 } }]);
    expect(test.pool.ledger).toEqual([]);
  });

  it('can not be told when the reading fails', async () => {
    await test.use('medium');
    use(7, 6);
    const unloaded = test.pool.unload('medium', 0);
    await test.until('medium settling');
    probe.gpuFailure = true;
    await unloaded;
    expect(test.settled).toMatchObject([{ verdict: 'indeterminate', gpu: { expectedBytes: 6 * GiB } }]);
  });
});

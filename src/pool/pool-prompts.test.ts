import { afterEach, describe, expect, it } from 'vitest';
import type { LoadOptions } from '../core/model-runner.js';
import type { EngineCommand } from '../engine/protocol.js';
import { InMemoryTransport } from '../testing/in-memory-transport.js';
import { TestPool } from '../testing/test-pool.js';
import { defaultModelSettings, type PoolSettings } from './pool-settings.js';

let test: TestPool;
let loads: LoadOptions[];

/** Remembers what its engine was told to load. */
class WatchedTransport extends InMemoryTransport {
  override post(command: EngineCommand): void {
    if (command.type === 'load') loads.push(command.options);
    super.post(command);
  }
}

function begin(memoryCeiling: number, settings: Partial<PoolSettings> = {}): void {
  loads = [];
  test = new TestPool({ memoryCeiling, makeTransport: () => new WatchedTransport(), ...settings });
}

afterEach(async () => test.close());

const MiB = 2 ** 20;
/** It takes 8 MiB, of which 4 are its cells: 9 for prompts, by default. */
const fake = `fake:?bytes=${8 * MiB}&cacheBytes=${4 * MiB}`;
const only = (cacheMemory: number | 'auto'): Partial<PoolSettings> => ({
  defaults: { ...defaultModelSettings, contextSize: 512, slots: 2, batchSize: 64, cacheMemory },
});
const ledger = () => test.pool.ledger.map(({ id, bytes }) => [id, bytes / MiB]);

describe('memory for prompts', () => {
  it('is on the ledger beside that of the engine, and told to it', async () => {
    begin(1024 * MiB);
    test.addModel('a', fake);
    const { memory } = await test.pool.load('a');
    expect(loads).toMatchObject([{ residentSlots: 6, promptCache: { hostBytes: 8 * MiB } }]);
    expect([memory.predictedBytes, memory.promptBytes]).toEqual([8 * MiB, 9 * MiB]);
    expect(ledger()).toEqual([['a', 17]]);
    await test.pool.unload('a', 0);
    expect(memory.promptBytes).toBe(0);
    expect(ledger()).toEqual([]);
  });

  it('by default is what is left, so that nobody goes for it', async () => {
    begin(160 * MiB);
    test.addModel('a', `fake:?bytes=${100 * MiB}`);
    test.addModel('b', `fake:?bytes=${51 * MiB}&cacheBytes=${40 * MiB}`);
    test.addModel('c', `fake:?bytes=${60 * MiB}&cacheBytes=${40 * MiB}`);
    await test.pool.load('a');
    await test.pool.load('b');
    expect(loads[1]?.promptCache).toEqual({ hostBytes: 8 * MiB });
    expect(ledger()).toEqual([
      ['a', 100],
      ['b', 60],
    ]);
    await test.pool.unload('b', 0);
    await test.pool.load('c');
    expect(loads[2]).not.toHaveProperty('promptCache');
    expect(ledger()).toEqual([
      ['a', 100],
      ['c', 60],
    ]);
  });

  it('that is configured is demanded: others go for it, or the load is refused', async () => {
    begin(20 * MiB, only(8 * MiB));
    test.addModel('a', `fake:?bytes=${8 * MiB}`);
    test.addModel('b', fake);
    await test.pool.load('a');
    await test.pool.load('b');
    expect(ledger()).toEqual([['b', 17]]);
    test.pool.configure({ ...test.pool.settings, memoryCeiling: 16 * MiB });
    await test.pool.unload('b', 0);
    await expect(test.pool.load('b')).rejects.toMatchObject({ code: 'insufficient_memory' });
  });

  it('and a disk are told at the next load when they are configured anew', async () => {
    begin(1024 * MiB, only(0));
    test.addModel('a', fake);
    await test.pool.load('a');
    expect(loads[0]).not.toHaveProperty('promptCache');
    test.pool.configure({ ...test.pool.settings, cache: { bytes: 2 ** 30 } });
    await test.pool.unload('a', 0);
    await test.pool.load('a');
    expect(loads[1]).not.toHaveProperty('promptCache');
    expect(ledger()).toEqual([['a', 8]]);
  });
});

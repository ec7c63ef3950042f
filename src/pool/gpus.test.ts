import { beforeEach, describe, expect, it } from 'vitest';
import { ScriptedProbe } from '../testing/scripted-probe.js';
import { BoundedProbe } from './bounded-probe.js';
import { Gpus } from './gpus.js';
import type { HolderState, MemoryHolder } from './memory-budget.js';

let probe: ScriptedProbe;
let gpus: Gpus;
let ledger: MemoryHolder[];

beforeEach(() => {
  probe = new ScriptedProbe();
  ledger = [];
  gpus = new Gpus(new BoundedProbe(probe), () => ledger);
});

function use(...usedBytes: number[]): void {
  probe.gpuMemory = usedBytes.map((bytes, index) => ({
    id: `gpu${index}`,
    totalBytes: 100,
    usedBytes: bytes,
    processes: new Map(),
  }));
}

function hold(gpuBytes: number, state: HolderState): void {
  const times = { lastUsed: 0, loadedAt: 0 };
  ledger = [{ id: 'a', bytes: 1, gpuBytes, state, idle: true, pinned: false, ...times }];
}

describe('the budget of the GPUs', () => {
  it('is what all of them have, less what other programs use', async () => {
    use(10, 5);
    await gpus.read();
    expect(gpus.budget(30)).toEqual({ totalBytes: 200, ceilingBytes: 185, needBytes: 30 });
    hold(50, 'resident');
    use(30, 45);
    await gpus.read();
    expect(gpus.budget(30)).toMatchObject({ ceilingBytes: 175 });
  });

  it('keeps to what other programs used before, while an engine is loaded or torn down', async () => {
    use(10);
    await gpus.read();
    for (const state of ['loading', 'releasing'] as const) {
      hold(50, state);
      use(30);
      await gpus.read();
      expect(gpus.budget(1)).toMatchObject({ ceilingBytes: 90 });
    }
  });

  it('keeps to it as well when an engine came or went during the reading', async () => {
    use(10);
    await gpus.read();
    hold(50, 'resident');
    use(60);
    probe.failure = 'hang';
    const reading = gpus.read();
    ledger = [];
    probe.failure = undefined;
    await reading;
    expect(gpus.budget(1)).toMatchObject({ ceilingBytes: 90 });
  });

  it('is none where nothing is asked for, there is no GPU, or nobody can tell', async () => {
    expect(gpus.budget(1)).toBeUndefined();
    await gpus.read();
    expect(gpus.last?.gpus).toEqual([]);
    expect(gpus.budget(1)).toBeUndefined();
    use(10);
    await gpus.read();
    expect(gpus.budget(0)).toBeUndefined();
  });

  it('stays what it was when a reading fails', async () => {
    probe.failure = 'reject';
    await gpus.read();
    expect(gpus.last).toBeUndefined();
    probe.failure = undefined;
    use(10);
    await gpus.read();
    probe.failure = 'reject';
    await gpus.read();
    expect(gpus.budget(1)).toMatchObject({ ceilingBytes: 90 });
  });
});

describe('reading GPUs', () => {
  it('is done for all who ask at once', async () => {
    await Promise.all([gpus.read(), gpus.read()]);
    expect(probe.gpuReadings).toBe(1);
    await gpus.read();
    expect(probe.gpuReadings).toBe(2);
  });

  it('says something new only before the first time, and while engines use them', async () => {
    expect(gpus.changing).toBe(true);
    probe.gpuFailure = true;
    await gpus.read();
    expect(gpus.changing).toBe(false);
    hold(50, 'resident');
    expect(gpus.changing).toBe(true);
  });
});

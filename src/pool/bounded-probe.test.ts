import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ScriptedProbe } from '../testing/scripted-probe.js';
import { BoundedProbe } from './bounded-probe.js';

let probe: ScriptedProbe;
let bounded: BoundedProbe;

beforeEach(() => {
  vi.useFakeTimers();
  probe = new ScriptedProbe();
  probe.bytes = 5;
  probe.availableBytes = 7;
  bounded = new BoundedProbe(probe);
});
afterEach(() => vi.useRealTimers());

describe('a bounded probe', () => {
  it('tells what the probe tells', async () => {
    expect(await bounded.process(1)).toEqual({ residentBytes: 5, anonymousBytes: 5 });
    expect(await bounded.available()).toBe(7);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('tells nothing when the probe fails', async () => {
    probe.failure = 'reject';
    expect(await bounded.process(1)).toBeUndefined();
    expect(await bounded.available()).toBeUndefined();
  });

  it('tells nothing when the probe does not answer in time', async () => {
    probe.failure = 'hang';
    const readings = Promise.all([bounded.process(1), bounded.available()]);
    await vi.runAllTimersAsync();
    expect(await readings).toEqual([undefined, undefined]);
  });

  it('does not ask again what hangs, waits for nothing else meanwhile, and asks again once it has answered', async () => {
    probe.failure = 'hang';
    const first = bounded.process(1);
    await vi.runAllTimersAsync();
    expect(await first).toBeUndefined();
    expect(await bounded.process(1)).toBeUndefined();
    expect(probe.readings).toBe(1);
    probe.failure = undefined;
    expect(await bounded.process(2)).toMatchObject({ residentBytes: 5 });
    await vi.runAllTimersAsync();
    expect(await bounded.process(1)).toMatchObject({ residentBytes: 5 });
    expect(probe.readings).toBe(3);
  });
});

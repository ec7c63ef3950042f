import { describe, expect, it } from 'vitest';
import type { MemoryNeed } from '../core/memory.js';
import { defaultModelSettings, residentSlots } from './pool-settings.js';
import { planPromptCache, type PlanLimits } from './prompt-cache-plan.js';

const MiB = 2 ** 20;
const limits: PlanLimits = { machineBytes: 2 ** 40, ceilingBytes: 2 ** 40, cache: undefined };
const cache = { directory: '/cache', bytes: 2 ** 30 };

function need(parts: Partial<MemoryNeed>): MemoryNeed {
  return {
    mappedWeightBytes: 0,
    copiedWeightBytes: 0,
    cacheBytes: 0,
    computeBytes: 0,
    tableBytes: 0,
    codeBytes: 0,
    deviceBytes: 0,
    totalBytes: 0,
    basis: 'dry-run',
    ...parts,
  };
}

describe('RAM for prompts that nothing is said about', () => {
  const auto = { cacheMemory: 'auto' } as const;

  it('is twice the KV cache, wherever that is, and only wished for', () => {
    const plan = planPromptCache(auto, need({ cacheBytes: 5 * MiB, deviceCacheBytes: 3 * MiB }), limits);
    expect(plan).toMatchObject({ demandedBytes: 0, wishedBytes: 18 * MiB });
    expect(plan.optionsFor(18 * MiB)).toEqual({ hostBytes: 16 * MiB });
  });

  it('is none for a model that generates no text, and so is what a disk takes', () => {
    const embeds = need({ cacheBytes: 5 * MiB, keepsNoPrompts: true });
    for (const settings of [auto, { cacheMemory: MiB }]) {
      const plan = planPromptCache(settings, embeds, { ...limits, cache });
      expect(plan).toMatchObject({ demandedBytes: 0, wishedBytes: 0 });
      expect(plan.optionsFor(Infinity)).toBeUndefined();
    }
  });

  it('is at most 1/16 of the machine and 1/8 of the ceiling', () => {
    const large = need({ cacheBytes: 2 ** 40 });
    const ofMachine = planPromptCache(auto, large, { ...limits, machineBytes: 160 * MiB });
    expect(ofMachine.optionsFor(Infinity)).toEqual({ hostBytes: 10 * MiB });
    const ofCeiling = planPromptCache(auto, large, { ...limits, ceilingBytes: 160 * MiB });
    expect(ofCeiling.optionsFor(Infinity)).toEqual({ hostBytes: 20 * MiB });
  });

  it('shrinks to what is granted, with the memory that is kept for the next blocks, and to nothing', () => {
    const plan = planPromptCache(auto, need({ cacheBytes: 5 * MiB }), limits);
    expect(plan.optionsFor(9 * MiB)).toEqual({ hostBytes: 8 * MiB });
    expect(plan.optionsFor(1000)).toBeUndefined();
    expect(plan.optionsFor(0)).toBeUndefined();
  });
});

describe('RAM for prompts that is configured', () => {
  it('is demanded', () => {
    const plan = planPromptCache({ cacheMemory: 8 * MiB }, need({ cacheBytes: 1 }), limits);
    expect(plan).toMatchObject({ demandedBytes: 9 * MiB, wishedBytes: 0 });
    expect(plan.optionsFor(0)).toEqual({ hostBytes: 8 * MiB });
  });

  it('is none for 0', () => {
    const plan = planPromptCache({ cacheMemory: 0 }, need({ cacheBytes: MiB }), limits);
    expect(plan).toMatchObject({ demandedBytes: 0, wishedBytes: 0 });
    expect(plan.optionsFor(0)).toBeUndefined();
  });

  it('is none for a model that keeps nothing', () => {
    const plan = planPromptCache({ cacheMemory: 8 * MiB }, need({}), { ...limits, cache });
    expect(plan).toMatchObject({ demandedBytes: 0, wishedBytes: 0 });
    expect(plan.optionsFor(0)).toBeUndefined();
  });
});

describe('a disk for prompts', () => {
  it('demands its thread, and twice the KV cache for what waits to be written, at most 256 MiB', () => {
    const small = planPromptCache({ cacheMemory: 0 }, need({ cacheBytes: 4 * MiB }), { ...limits, cache });
    expect(small).toMatchObject({ demandedBytes: 16 * MiB, wishedBytes: 0 });
    expect(small.optionsFor(0)).toEqual({ hostBytes: 0, disk: { ...cache, queueBytes: 8 * MiB } });
    const large = planPromptCache({ cacheMemory: 0 }, need({ cacheBytes: 2 ** 40 }), { ...limits, cache });
    expect(large.demandedBytes).toBe(264 * MiB);
  });

  it('needs a directory', () => {
    const plan = planPromptCache({ cacheMemory: 0 }, need({ cacheBytes: MiB }), {
      ...limits,
      cache: { bytes: 2 ** 30 },
    });
    expect(plan.optionsFor(0)).toBeUndefined();
  });
});

describe('sequences that stay', () => {
  it.each([
    [1, 3],
    [4, 12],
    [16, 48],
    [20, 44],
    [200, 0],
  ])('are for %i that run %i, when nothing is said', (slots, residents) => {
    expect(residentSlots({ ...defaultModelSettings, slots })).toBe(residents);
  });

  it('are as many as is said', () => {
    expect(residentSlots({ ...defaultModelSettings, slots: 200, residents: 7 })).toBe(7);
  });
});

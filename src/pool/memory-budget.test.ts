import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideAdmission, enginesToHold, type MemoryBudget, type MemoryHolder } from './memory-budget.js';

function holder(id: string, bytes: number, changes: Partial<MemoryHolder> = {}): MemoryHolder {
  return { id, bytes, state: 'resident', idle: true, pinned: false, lastUsed: 0, loadedAt: 0, ...changes };
}

function budget(
  ceilingBytes: number,
  needBytes: number,
  holders: MemoryHolder[],
  minimumResidency = 0,
): MemoryBudget {
  return { ceilingBytes, needBytes, holders, now: 1000, minimumResidency };
}

describe('admission', () => {
  it('loads what fits to the last byte', () => {
    expect(decideAdmission(budget(100, 40, [holder('a', 60)]))).toEqual({ kind: 'fits' });
    expect(decideAdmission(budget(100, 41, [holder('a', 60)]))).toEqual({ kind: 'evict', ids: ['a'] });
  });

  it('evicts one large engine rather than two small ones that are colder', () => {
    const holders = [
      holder('cold', 30, { lastUsed: 1 }),
      holder('cool', 30, { lastUsed: 2 }),
      holder('large', 40, { lastUsed: 3 }),
    ];
    expect(decideAdmission(budget(100, 40, holders))).toEqual({ kind: 'evict', ids: ['large'] });
  });

  it('evicts the coldest of those that are large enough', () => {
    const holders = [holder('hot', 50, { lastUsed: 9 }), holder('cold', 50, { lastUsed: 1 })];
    expect(decideAdmission(budget(100, 50, holders))).toEqual({ kind: 'evict', ids: ['cold'] });
  });

  it('leaves busy, pinned and loading engines alone', () => {
    const holders = [
      holder('busy', 40, { idle: false }),
      holder('pinned', 30, { pinned: true }),
      holder('loading', 30, { state: 'loading' }),
    ];
    expect(decideAdmission(budget(100, 50, holders))).toEqual({ kind: 'wait', reason: 'busy' });
  });

  it('waits for memory that is coming back instead of evicting another engine', () => {
    const holders = [holder('going', 50, { state: 'releasing' }), holder('idle', 50)];
    expect(decideAdmission(budget(100, 50, holders))).toEqual({ kind: 'wait', reason: 'releasing' });
    expect(decideAdmission(budget(100, 60, holders))).toEqual({ kind: 'evict', ids: ['idle'] });
  });

  it('lets an engine stay for the minimum residency, and says until when', () => {
    const holders = [holder('new', 50, { loadedAt: 900 }), holder('newer', 50, { loadedAt: 950 })];
    const wait = { kind: 'wait', reason: 'residency' };
    expect(decideAdmission(budget(100, 50, holders, 200))).toEqual({ ...wait, until: 1100 });
    expect(decideAdmission(budget(100, 60, holders, 200))).toEqual({ ...wait, until: 1150 });
    expect(decideAdmission(budget(100, 50, holders, 100))).toEqual({ kind: 'evict', ids: ['new'] });
  });

  it('refuses at once what is larger than all that pinned and quarantined engines leave', () => {
    const holders = [
      holder('pinned', 30, { pinned: true }),
      holder('stuck', 20, { state: 'quarantined' }),
      holder('idle', 50),
    ];
    expect(decideAdmission(budget(100, 50, holders))).toEqual({ kind: 'evict', ids: ['idle'] });
    expect(decideAdmission(budget(100, 51, holders))).toEqual({ kind: 'never', availableBytes: 50 });
    expect(decideAdmission(budget(100, 101, []))).toEqual({ kind: 'never', availableBytes: 100 });
  });

  it('counts a pinned engine that is being unloaded as coming back', () => {
    const holders = [holder('pinned', 60, { pinned: true, state: 'releasing' })];
    expect(decideAdmission(budget(100, 50, holders))).toEqual({ kind: 'wait', reason: 'releasing' });
  });

  it('loads nothing more when the ceiling was lowered below what is held', () => {
    expect(decideAdmission(budget(50, 0, [holder('a', 60)]))).toEqual({ kind: 'evict', ids: ['a'] });
  });
});

describe('admission to GPUs', () => {
  /** RAM is no matter: what is said of GPUs decides. */
  function onGpus(
    ceilingBytes: number,
    needBytes: number,
    list: MemoryHolder[],
    residency = 0,
  ): MemoryBudget {
    const gpu = { totalBytes: 100, ceilingBytes, needBytes };
    return { ...budget(1000, 10, list, residency), gpu };
  }
  const at = (id: string, gpuBytes: number, changes: Partial<MemoryHolder> = {}): MemoryHolder =>
    holder(id, 10, { gpuBytes, ...changes });

  it('loads what fits to the last byte, and evicts for what does not', () => {
    expect(decideAdmission(onGpus(100, 40, [at('a', 60), holder('ram', 10)]))).toEqual({ kind: 'fits' });
    expect(decideAdmission(onGpus(100, 41, [at('a', 60), holder('ram', 10)]))).toEqual({
      kind: 'evict',
      ids: ['a'],
    });
  });

  it('refuses at once what is larger than what other programs and pinned engines leave', () => {
    expect(decideAdmission(onGpus(100, 101, []))).toEqual({
      kind: 'never',
      availableBytes: 100,
      onGpu: true,
    });
    expect(decideAdmission(onGpus(70, 31, [at('a', 40, { pinned: true })]))).toEqual({
      kind: 'never',
      availableBytes: 30,
      onGpu: true,
    });
  });

  it('waits as it does for RAM', () => {
    const wait = { kind: 'wait', onGpu: true };
    expect(decideAdmission(onGpus(100, 50, [at('a', 60, { idle: false })]))).toEqual({
      ...wait,
      reason: 'busy',
    });
    expect(enginesToHold(onGpus(100, 50, [at('a', 60, { idle: false })]))).toEqual(['a']);
    expect(decideAdmission(onGpus(100, 50, [at('a', 60, { state: 'releasing' })]))).toEqual({
      ...wait,
      reason: 'releasing',
    });
    expect(decideAdmission(onGpus(100, 50, [at('a', 60, { loadedAt: 900 })], 200))).toEqual({
      ...wait,
      reason: 'residency',
      until: 1100,
    });
  });

  it('evicts nothing for the RAM while GPUs can not be had, nor the other way round', () => {
    const list = [at('idle', 0, { bytes: 60 }), at('busy', 80, { idle: false })];
    const gpu = { totalBytes: 100, ceilingBytes: 100, needBytes: 30 };
    expect(decideAdmission({ ...budget(100, 50, list), gpu })).toMatchObject({ reason: 'busy', onGpu: true });
    const other = [at('idle', 80), at('busy', 0, { bytes: 60, idle: false })];
    expect(decideAdmission({ ...budget(100, 50, other), gpu })).toEqual({ kind: 'wait', reason: 'busy' });
  });

  it('evicts one engine that holds both rather than one for each', () => {
    const list = [at('cold', 0, { lastUsed: 1 }), at('both', 80, { lastUsed: 2 })];
    const gpu = { totalBytes: 100, ceilingBytes: 100, needBytes: 30 };
    expect(decideAdmission({ ...budget(100, 90, list), gpu })).toEqual({ kind: 'evict', ids: ['both'] });
  });

  it('comes to an end, never evicts what must stay, and loads only what fits both', () => {
    const both = fc.tuple(
      budgets,
      fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 8, maxLength: 8 }),
      fc.record({
        ceilingBytes: fc.integer({ min: 0, max: 100 }),
        needBytes: fc.integer({ min: 1, max: 60 }),
      }),
    );
    fc.assert(
      fc.property(both, ([given, gpuBytes, gpu]) => {
        let list = given.holders.map((one, index) => ({ ...one, gpuBytes: gpuBytes[index] ?? 0 }));
        for (let round = 0; round <= given.holders.length; round++) {
          const decision = decideAdmission({ ...given, holders: list, gpu: { totalBytes: 100, ...gpu } });
          const gpuHeld = list.reduce((sum, one) => sum + one.gpuBytes, 0);
          const fits =
            total(list) + given.needBytes <= given.ceilingBytes &&
            gpuHeld + gpu.needBytes <= gpu.ceilingBytes;
          expect(decision.kind === 'fits').toBe(fits);
          if (decision.kind !== 'evict') return;
          const gone = list.filter(({ id }) => decision.ids.includes(id));
          expect(gone.every((one) => one.state === 'resident' && one.idle && !one.pinned)).toBe(true);
          expect(gone.length).toBeGreaterThan(0);
          list = list.filter(({ id }) => !decision.ids.includes(id));
        }
        expect.unreachable('more rounds than engines');
      }),
      { numRuns: 500 },
    );
  });
});

const holders = fc
  .array(
    fc.record({
      bytes: fc.integer({ min: 0, max: 40 }),
      state: fc.constantFrom('resident', 'resident', 'resident', 'loading', 'releasing', 'quarantined'),
      idle: fc.boolean(),
      pinned: fc.boolean(),
      lastUsed: fc.integer({ min: 0, max: 4 }),
      loadedAt: fc.constantFrom(0, 500, 950),
    }),
    { maxLength: 8 },
  )
  .map((list): MemoryHolder[] => list.map((fields, index) => ({ id: `m${index}`, ...fields })));

const budgets = fc.record({
  ceilingBytes: fc.integer({ min: 0, max: 150 }),
  needBytes: fc.integer({ min: 0, max: 80 }),
  holders,
  now: fc.constant(1000),
  minimumResidency: fc.constantFrom(0, 100),
});

const total = (list: readonly MemoryHolder[]): number => list.reduce((sum, { bytes }) => sum + bytes, 0);

/** Every set of engines that may be evicted and whose release makes the load fit, by trying all sets. */
function sufficientSets({ ceilingBytes, needBytes, holders: all, now, minimumResidency }: MemoryBudget) {
  const evictable = all.filter(
    (one) => one.state === 'resident' && one.idle && !one.pinned && now - one.loadedAt >= minimumResidency,
  );
  const room = ceilingBytes - needBytes - total(all.filter(({ state }) => state !== 'releasing'));
  return Array.from({ length: 2 ** evictable.length }, (_, bits) =>
    evictable.filter((_one, index) => (bits >> index) % 2 === 1),
  ).filter((set) => room + total(set) >= 0);
}

/** When a set's engines were used, the latest first. */
function heat(set: readonly MemoryHolder[]): number[] {
  return set.map(({ lastUsed }) => lastUsed).toSorted((a, b) => b - a);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

describe('admission, for all budgets', () => {
  it('loads exactly when the ceiling is not exceeded', () => {
    fc.assert(
      fc.property(budgets, (given) => {
        const fits = total(given.holders) + given.needBytes <= given.ceilingBytes;
        expect(decideAdmission(given).kind === 'fits').toBe(fits);
      }),
    );
  });

  it('evicts only what may be evicted, as few as possible, and of those the coldest', () => {
    fc.assert(
      fc.property(budgets, (given) => {
        const decision = decideAdmission(given);
        const sets = sufficientSets(given);
        if (decision.kind !== 'evict') return;
        const chosen = given.holders.filter(({ id }) => decision.ids.includes(id));
        expect(sets).toContainEqual(chosen);
        expect(chosen).toHaveLength(Math.min(...sets.map((set) => set.length)));
        for (const set of sets.filter(({ length }) => length === chosen.length)) {
          expect(compare(heat(chosen), heat(set))).toBeLessThanOrEqual(0);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('waits or refuses only when no eviction helps, or none is needed', () => {
    fc.assert(
      fc.property(budgets, (given) => {
        const decision = decideAdmission(given);
        if (decision.kind !== 'wait' && decision.kind !== 'never') return;
        const reason = decision.kind === 'wait' ? decision.reason : decision.kind;
        const smallest = Math.min(...sufficientSets(given).map((set) => set.length));
        expect(smallest).toBe(reason === 'releasing' ? 0 : Infinity);
        expect('until' in decision ? decision.until : Infinity).toBeGreaterThan(given.now);
      }),
      { numRuns: 500 },
    );
  });

  it('decides the same whatever the order of the engines', () => {
    const shuffled = budgets.chain((given) =>
      fc.tuple(fc.constant(given), fc.shuffledSubarray(given.holders, { minLength: given.holders.length })),
    );
    fc.assert(
      fc.property(shuffled, ([given, order]) => {
        expect(decideAdmission({ ...given, holders: order })).toEqual(decideAdmission(given));
      }),
    );
  });

  it('comes to an end: doing what it says ends in a load, or in waiting for others', () => {
    fc.assert(
      fc.property(budgets, (given) => {
        let now = given;
        for (let round = 0; round <= given.holders.length; round++) {
          const decision = decideAdmission(now);
          if (decision.kind === 'evict') {
            const left = now.holders.filter(({ id }) => !decision.ids.includes(id));
            now = { ...now, holders: left };
          } else if (decision.kind === 'wait' && decision.reason === 'releasing') {
            now = { ...now, holders: now.holders.filter(({ state }) => state !== 'releasing') };
          } else {
            return;
          }
        }
        expect.unreachable('more rounds than engines');
      }),
    );
  });
});

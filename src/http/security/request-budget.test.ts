import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestBudget } from './request-budget.js';
import { RunningRequests } from './running-requests.js';

describe('requests a minute', () => {
  it('may come at once, and then one at a time as the minute goes', () => {
    let now = 1000;
    const budget = new RequestBudget(() => now);
    for (const remaining of [2, 1, 0])
      expect(budget.take('a', 3)).toMatchObject({ allowed: true, remaining });
    expect(budget.take('a', 3)).toEqual({
      allowed: false,
      limit: 3,
      remaining: 0,
      reset: 60_000,
      wait: 20_000,
    });
    now += 19_999;
    expect(budget.take('a', 3)).toMatchObject({ allowed: false, wait: expect.closeTo(1, 5) as number });
    now += 2;
    expect(budget.take('a', 3)).toMatchObject({ allowed: true, remaining: 0 });
    now += 3_600_000;
    expect(budget.take('a', 3)).toMatchObject({ allowed: true, remaining: 2, reset: 20_000 });
  });

  it('of one key are not those of another', () => {
    const budget = new RequestBudget(() => 0);
    budget.take('a', 1);
    expect(budget.take('a', 1).allowed).toBe(false);
    expect(budget.take('b', 1).allowed).toBe(true);
  });

  it('can become fewer or more while they are counted', () => {
    const budget = new RequestBudget(() => 0);
    budget.take('a', 10);
    expect(budget.take('a', 2)).toMatchObject({ allowed: true, remaining: 1 });
    expect(budget.take('a', 100)).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('are never more than a minute holds and what has flowed in since, and whoever waits as told is let in', () => {
    const pauses = fc.array(fc.integer({ min: 0, max: 40_000 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), pauses, (limit, waits) => {
        let now = 0;
        let allowed = 0;
        const budget = new RequestBudget(() => now);
        for (const wait of waits) {
          now += wait;
          const left = budget.take('a', limit);
          if (left.allowed) allowed++;
          expect(allowed).toBeLessThanOrEqual(limit + (now * limit) / 60_000 + 1e-6);
        }
        const last = budget.take('a', limit);
        now += last.wait + 1e-6;
        expect(budget.take('a', limit).allowed).toBe(true);
      }),
    );
  });
});

describe('requests at once', () => {
  it('are counted by key until they end, once each', () => {
    const running = new RunningRequests();
    const [first, second] = [running.enter('a'), running.enter('a')];
    running.enter('b');
    expect([running.of('a'), running.of('b'), running.of('c')]).toEqual([2, 1, 0]);
    first?.();
    first?.();
    expect(running.of('a')).toBe(1);
    second?.();
    expect(running.of('a')).toBe(0);
  });
});

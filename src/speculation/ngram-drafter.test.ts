import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Token } from '../core/generation.js';
import { NgramDrafter } from './ngram-drafter.js';

/** What the drafter is to find, by looking at every place. */
function latest(tokens: readonly Token[]): number | undefined {
  for (const length of [4, 3, 2]) {
    for (let place = tokens.length - 1; place >= length; place--) {
      const same = (index: number): boolean =>
        tokens[place - 1 - index] === tokens[tokens.length - 1 - index];
      if (Array.from({ length }, (_, index) => index).every(same)) return place;
    }
  }
  return undefined;
}

describe('an n-gram drafter', () => {
  test('drafts what followed the same tokens before', () => {
    const { tokens } = new NgramDrafter().propose([1, 2, 3, 4, 5, 6, 9, 2, 3], 3);
    expect(tokens).toEqual([4, 5, 6]);
  });

  test('prefers a longer n-gram to a later place, and a later place to an earlier one', () => {
    const drafter = new NgramDrafter();
    expect(drafter.propose([1, 2, 3, 4, 50, 8, 3, 4, 60, 1, 2, 3, 4], 1).tokens).toEqual([50]);
    expect(new NgramDrafter().propose([3, 4, 50, 3, 4, 60, 3, 4], 1).tokens).toEqual([60]);
  });

  test('has nothing to say of tokens that were not there before', () => {
    expect(new NgramDrafter().propose([1, 2, 3, 4, 5, 3], 4).tokens).toEqual([]);
    expect(new NgramDrafter().propose([], 4).tokens).toEqual([]);
    expect(new NgramDrafter().propose([7], 4).tokens).toEqual([]);
  });

  test('goes round in circles with a sequence that does', () => {
    expect(new NgramDrafter().propose([1, 2, 3, 1, 2, 3], 7).tokens).toEqual([1, 2, 3, 1, 2, 3, 1]);
  });

  test('trusts a draft more, the more tokens before it are the same', () => {
    const grade = (common: number): number => {
      const same = Array.from({ length: common }, (_, index) => 100 + index);
      return new NgramDrafter().propose([...same, 7, 1, ...same], 1).grade;
    };
    expect([2, 3, 4, 9, 10, 30].map(grade)).toEqual([0, 0, 1, 1, 2, 2]);
  });

  test('finds what a search of the whole sequence finds, however it grew', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 120 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 10 }),
        (tokens, pieces) => {
          const drafter = new NgramDrafter();
          let length = 0;
          for (const piece of pieces) {
            length = Math.min(tokens.length, length + piece);
            const now = tokens.slice(0, length);
            const place = latest(now);
            // A place of the table may have gone to another n-gram; here there are few enough for all.
            const expected = place === undefined ? [] : [now[place]];
            expect(drafter.propose(now, 1).tokens).toEqual(expected);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('finds its way in sequences longer than its tables', () => {
    const tokens = Array.from({ length: 150_000 }, (_, index) => index);
    const drafter = new NgramDrafter();
    expect(drafter.propose([...tokens, 149_000, 149_001], 2).tokens).toEqual([149_002, 149_003]);
    expect(drafter.propose([...tokens, 149_000, 149_001, 149_002], 2).tokens).toEqual([149_003, 149_004]);
  });
});

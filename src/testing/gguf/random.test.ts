import { describe, expect, it } from 'vitest';

import { Random, seedFor } from './random.js';

describe('Random', () => {
  it('repeats its sequence for the same seed and differs for another', () => {
    const take = (seed: number): number[] => {
      const random = new Random(seed);
      return Array.from({ length: 8 }, () => random.word());
    };
    expect(take(7)).toEqual(take(7));
    expect(take(7)).not.toEqual(take(8));
  });

  it('gives normal variates of mean 0 and deviation 1', () => {
    const random = new Random(1);
    const count = 200_000;
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < count; i++) {
      const value = random.normal();
      sum += value;
      squares += value * value;
    }
    expect(sum / count).toBeCloseTo(0, 1.8);
    expect(squares / count).toBeCloseTo(1, 1.8);
  });

  it('starts a sequence of its own for every name', () => {
    expect(seedFor(1, 'a')).not.toBe(seedFor(1, 'b'));
    expect(seedFor(1, 'a')).not.toBe(seedFor(2, 'a'));
  });
});

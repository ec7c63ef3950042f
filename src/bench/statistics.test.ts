import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distribution, median, medianInterval, quantile, spread } from './statistics.js';

describe('quantile', () => {
  it('lies between neighbours by their distance, as numpy has it', () => {
    const sorted = [10, 20, 30, 40];
    expect([0, 0.25, 0.5, 0.9, 0.99, 1].map((part) => quantile(sorted, part))).toEqual([
      10,
      17.5,
      25,
      37,
      expect.closeTo(39.7),
      40,
    ]);
  });

  it('is undefined for no values, and the value for one', () => {
    expect(quantile([], 0.5)).toBeUndefined();
    expect(quantile([7], 0.99)).toBe(7);
  });
});

it('the median asks for no order, and sorts numbers as numbers', () => {
  expect(median([10, 9, 100])).toBe(10);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeUndefined();
});

it('a distribution tells count, percentiles and the worst', () => {
  const values = Array.from({ length: 101 }, (_, index) => 100 - index);
  expect(distribution(values)).toEqual({ count: 101, p50: 50, p90: 90, p99: 99, worst: 100 });
  expect(distribution([])).toBeUndefined();
});

it('a spread is the median of the rounds between the least and the greatest', () => {
  expect(spread([3, 1, 10])).toEqual({ median: 3, least: 1, greatest: 10 });
  expect(spread([])).toBeUndefined();
});

describe('the interval of the median', () => {
  it('has the median in it, and lies within the values', () => {
    const rounds = fc.array(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 8 }), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(rounds, (values) => {
        const all = values.flat();
        const [low = NaN, high = NaN] = medianInterval(values) ?? [];
        const ordered = [Math.min(...all), low, high, Math.max(...all)];
        expect(all.length < 3 ? [low, high] : ordered).toEqual(
          all.length < 3 ? [NaN, NaN] : ordered.toSorted((a, b) => a - b),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('is wider when rounds differ than when the same values are spread over them', () => {
    const width = (rounds: number[][]): number => {
      const [low, high] = medianInterval(rounds) ?? [NaN, NaN];
      return high - low;
    };
    const near = (value: number): number[] => Array.from({ length: 20 }, (_, index) => value + index / 100);
    const differing = [near(1), near(2), near(3)];
    const mixed = [0, 1, 2].map((part) => differing.flat().filter((_, index) => index % 3 === part));
    expect(width(differing)).toBeGreaterThan(width(mixed));
  });

  it('is the same whenever it is asked for', () => {
    const rounds = [
      [1, 5, 2],
      [8, 3],
    ];
    expect(medianInterval(rounds)).toEqual(medianInterval(rounds));
  });
});

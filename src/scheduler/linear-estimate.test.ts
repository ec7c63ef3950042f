import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LinearEstimate } from './linear-estimate.js';

const truth = [20, 4, 1];
const cost = (amounts: readonly number[]): number =>
  amounts.reduce((sum, amount, index) => sum + amount * (truth[index] ?? 0), 0);
/** Amounts that differ from one another. */
const varied = (index: number): number[] => [1, 1 + ((index * 37) % 100), (index * 17) % 9];

function learned(measurements: number, from = [0, 10, 0]): LinearEstimate {
  const estimate = new LinearEstimate(from, [100, 10, 10]);
  for (let index = 0; index < measurements; index++) {
    estimate.learn(varied(index), cost(varied(index)));
  }
  return estimate;
}

describe('an estimate', () => {
  test('comes to predict what it measures', () => {
    const estimate = learned(40);
    for (const amounts of [
      [1, 500, 0],
      [1, 10, 4],
      [1, 1, 1],
    ]) {
      expect(estimate.predict(amounts) / cost(amounts)).toBeCloseTo(1, 1);
    }
  });

  test('does not forget what a thousand measurements say nothing about', () => {
    const estimate = learned(40);
    const before = estimate.predict([1, 500, 0]);
    for (let index = 0; index < 1000; index++) estimate.learn([1, 2, 2], cost([1, 2, 2]));
    expect(estimate.predict([1, 500, 0]) / before).toBeCloseTo(1, 1);
  });

  test('follows costs that become others', () => {
    const estimate = learned(40);
    for (let index = 0; index < 30; index++) estimate.learn(varied(index), 3 * cost(varied(index)));
    expect(estimate.predict([1, 200, 2]) / cost([1, 200, 2])).toBeCloseTo(3, 0);
  });

  test('is hardly moved by a single measurement that is far off', () => {
    const estimate = learned(100);
    const before = estimate.predict([1, 64, 0]);
    estimate.learn([1, 64, 0], 100 * before);
    expect(estimate.predict([1, 64, 0]) / before).toBeLessThan(1.3);
  });

  test('scaled is another one, and as it was otherwise', () => {
    const estimate = learned(40);
    const double = estimate.scaled([1, 2, 2]);
    expect(double.coefficients[1]).toBeCloseTo(2 * (estimate.coefficients[1] ?? 0));
    double.learn([1, 64, 0], 1);
    expect(estimate.coefficients[1]).toBeCloseTo(4, 0);
  });

  test('is finite and never negative, whatever is measured', () => {
    const amounts = fc.tuple(fc.constant(1), fc.nat(2048), fc.nat(512));
    fc.assert(
      fc.property(fc.array(fc.tuple(amounts, fc.double({ min: 0, max: 1e6, noNaN: true }))), (measured) => {
        const estimate = learned(3);
        for (const [each, milliseconds] of measured) estimate.learn(each, milliseconds);
        for (const coefficient of estimate.coefficients) {
          expect(coefficient).toBeGreaterThanOrEqual(0);
          expect(coefficient).toBeLessThan(Infinity);
        }
      }),
      { numRuns: 500 },
    );
  });
});

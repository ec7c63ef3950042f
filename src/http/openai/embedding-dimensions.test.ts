import { expect, test } from 'vitest';
import { shortened } from './embedding-dimensions.js';

const unit = Float32Array.of(0.6, 0, 0.8);

test('an embedding is cut after its first numbers, and has length 1 again', () => {
  expect([...shortened(unit, 1)]).toEqual([1]);
  const two = shortened(Float32Array.of(0.1, 0.7, 0.7), 2);
  expect(two).toHaveLength(2);
  expect(Math.hypot(...two)).toBeCloseTo(1, 6);
  expect((two[1] ?? NaN) / (two[0] ?? NaN)).toBeCloseTo(7, 5);
});

test('one that is not cut is left as it is, and one of zeros has no length', () => {
  expect(shortened(unit, undefined)).toBe(unit);
  expect(shortened(unit, 3)).toBe(unit);
  expect([...shortened(Float32Array.of(0, 0, 1), 2)]).toEqual([0, 0]);
});

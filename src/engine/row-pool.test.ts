import { describe, expect, test } from 'vitest';
import type { Pooling } from '../core/embedding.js';
import { RowPool } from './row-pool.js';

function pooled(pooling: Pooling, rows: readonly (readonly number[])[], normalize = false): number[] {
  const pool = new RowPool(pooling, 2);
  for (const row of rows) pool.add(Float32Array.from(row));
  return [...pool.result(normalize)];
}

describe('the embeddings of tokens become', () => {
  const rows = [
    [1, 2],
    [5, -4],
    [3, 8],
  ];

  test.each([
    ['mean', [3, 2]],
    ['first', [1, 2]],
    ['last', [3, 8]],
  ] as const)('with %s pooling %j', (pooling, expected) => {
    expect(pooled(pooling, rows)).toEqual(expected);
  });

  test.each(['mean', 'first', 'last'] as const)('the only one with %s pooling', (pooling) => {
    expect(pooled(pooling, [[1.5, -2]])).toEqual([1.5, -2]);
  });

  test.each(['mean', 'first', 'last'] as const)('of length 1 when asked for, with %s pooling', (pooling) => {
    const plain = pooled(pooling, rows);
    const length = Math.hypot(...plain);
    const unit = pooled(pooling, rows, true);
    expect(Math.hypot(...unit)).toBeCloseTo(1, 6);
    for (const [index, value] of unit.entries()) expect(value).toBeCloseTo((plain[index] ?? NaN) / length, 6);
  });

  test('zeros when they cancel out, also of length 1', () => {
    const opposite = [
      [1, -2],
      [-1, 2],
    ];
    expect(pooled('mean', opposite, true)).toEqual([0, 0]);
  });

  test('a mean in which small numbers are not lost beside large ones', () => {
    const many = Array.from({ length: 1000 }, () => [1, 0]);
    expect(pooled('mean', [[2 ** 26, 0], ...many, [-(2 ** 26), 0]])[0]).toBeCloseTo(1000 / 1002, 6);
  });
});

import { describe, expect, it } from 'vitest';
import { keepAlive } from './keep-alive.js';

describe('keep_alive', () => {
  it.each([
    [300, 300_000],
    [0.5, 500],
    ['300', 300_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['300ms', 300],
    ['+2s', 2000],
    [0, 0],
    [-0, 0],
    ['0', 0],
    ['0s', 0],
    ['-0s', 0],
    [-1, Infinity],
    ['-1', Infinity],
    ['-1s', Infinity],
    ['-5m', Infinity],
    [undefined, undefined],
  ])('%j is %j milliseconds', (value, milliseconds) => {
    expect(keepAlive.parse(value)).toBe(milliseconds);
  });

  it.each(['', 'soon', '5 m', '5d', 'm', '5m3', '1m-2s', true, {}, NaN, '1'.repeat(65)])(
    '%j is refused',
    (value) => {
      const { error } = keepAlive.safeParse(value);
      expect(error?.issues[0]?.message).toContain('keep_alive must be a duration');
    },
  );
});

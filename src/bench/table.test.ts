import { expect, it } from 'vitest';
import { figure, percent, table } from './table.js';

it('a table has columns as wide as their widest cell, numbers to the right', () => {
  expect(
    table([
      ['', 'count', 'ms'],
      ['requests', '7', '12.5'],
      ['all', '', '100'],
    ]),
  ).toBe('          count    ms\nrequests      7  12.5\nall               100\n');
});

it('a figure has three significant digits', () => {
  expect([0, 0.00123, 0.5, 1, 9.994, 12.345, 99.96, 123.4, 98765, -2.5].map(figure)).toEqual([
    '0',
    '0.001',
    '0.500',
    '1.00',
    '9.99',
    '12.3',
    '100',
    '123',
    '98765',
    '-2.50',
  ]);
  expect([undefined, NaN].map(figure)).toEqual(['-', '-']);
  expect([undefined, 0, 0.955, 1].map(percent)).toEqual(['-', '0 %', '95.5 %', '100 %']);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBytes, readDuration, writeBytes, writeDuration } from './units.js';

describe('a duration', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['10m', 600_000],
    ['10 m', 600_000],
    ['1h30m', 5_400_000],
    ['1h 30m', 5_400_000],
    ['2d', 172_800_000],
    ['0', 0],
    [0, 0],
  ])('%s is so many milliseconds', (written, value) => {
    expect(readDuration(written)).toEqual({ value });
  });

  it('without a unit is refused, with what could be meant', () => {
    expect(readDuration(10)).toEqual({ problem: 'must have a unit: 10s, 10m or 10ms' });
  });

  it.each(['soon', '', '-5s', '5 min', '1e3s', '30S', '5', -1, Infinity, NaN, null, true, [], {}])(
    '%s is refused',
    (written) => {
      expect(readDuration(written)).toEqual({
        problem: expect.stringContaining('such as 30s or 10m') as string,
      });
    },
  );

  it('is written so that it is read as the same', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), (milliseconds) => {
        expect(readDuration(writeDuration(milliseconds))).toEqual({ value: milliseconds });
      }),
    );
  });

  it('is written in the largest unit that fits', () => {
    expect([0, 1, 1000, 90_000, 5_400_000, 86_400_000, Infinity].map(writeDuration)).toEqual([
      '0s',
      '1ms',
      '1s',
      '90s',
      '90m',
      '1d',
      'never',
    ]);
  });
});

describe('an amount of memory', () => {
  it.each([
    ['12GiB', 12 * 2 ** 30],
    ['12 gib', 12 * 2 ** 30],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['512MiB', 512 * 2 ** 20],
    ['12GB', 12e9],
    ['1TB', 1e12],
    ['4096B', 4096],
  ])('%s is so many bytes', (written, value) => {
    expect(readBytes(written)).toEqual({ value });
  });

  it('without a unit is refused, with what could be meant', () => {
    expect(readBytes(24)).toEqual({ problem: 'must have a unit: 24GiB or 24MiB' });
  });

  it.each(['24G', '24Gi', '24g'])('%s is refused, since it has two meanings', (written) => {
    expect(readBytes(written)).toEqual({
      problem: 'must say which unit: 24GiB, of powers of 1024, or 24GB, of powers of 1000',
    });
  });

  it.each(['much', '', '80%', '-1GiB', '24', '1,5GiB', -1, Infinity, null, false, [], {}])(
    '%s is refused',
    (written) => {
      expect(readBytes(written)).toEqual({
        problem: expect.stringContaining('such as 12GiB or 512MiB') as string,
      });
    },
  );

  it('is written so that it is read as the same', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 44), (bytes) => {
        expect(readBytes(writeBytes(bytes))).toEqual({ value: bytes });
      }),
    );
    expect(writeBytes(24 * 2 ** 30)).toBe('24GiB');
  });
});

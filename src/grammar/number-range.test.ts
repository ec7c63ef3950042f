import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches } from '../testing/grammar-reader.js';
import { Grammar } from './grammar.js';
import { anyNumber, decimalRange, integerRange, type NumberBounds } from './number-range.js';

const grammarOf = (text: string | undefined): Grammar => new Grammar(`root ::= ${text ?? '[]'}`);

const bound = fc.record(
  {
    least: fc.oneof(
      fc.integer({ min: -2000, max: 2000 }),
      fc.integer({ min: -20_000, max: 20_000 }).map((n) => n / 100),
    ),
    most: fc.oneof(
      fc.integer({ min: -2000, max: 2000 }),
      fc.integer({ min: -20_000, max: 20_000 }).map((n) => n / 100),
    ),
    leastIsExcluded: fc.boolean(),
    mostIsExcluded: fc.boolean(),
  },
  { requiredKeys: ['leastIsExcluded', 'mostIsExcluded'] },
);

function inRange(
  value: number,
  { least = -Infinity, most = Infinity, leastIsExcluded, mostIsExcluded }: NumberBounds,
): boolean {
  return (
    (leastIsExcluded ? value > least : value >= least) && (mostIsExcluded ? value < most : value <= most)
  );
}

/** What of these a range has; nothing where there is no range. */
function found(range: string | undefined, written: readonly string[]): string[] {
  if (range === undefined) return [];
  const grammar = grammarOf(range);
  return written.filter((text) => matches(grammar, text));
}

describe('number ranges', () => {
  it('have exactly the whole numbers between their bounds', () => {
    const probe = fc.array(fc.integer({ min: -2100, max: 2100 }), { minLength: 20 });
    fc.assert(
      fc.property(bound, probe, (bounds, values) => {
        const near = [bounds.least, bounds.most].flatMap((at = 0) =>
          [-2, -1, 0, 1, 2].map((by) => Math.trunc(at) + by),
        );
        const all = [...values, ...near];
        const range = integerRange(bounds);
        expect(found(range, all.map(String))).toEqual(
          all.filter((value) => inRange(value, bounds)).map(String),
        );
        expect(found(range, ['-0', '00', '01', '', '-', '1.5'])).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('have exactly the decimal numbers between their bounds', () => {
    const decimal = fc.integer({ min: -210_000, max: 210_000 }).map((n) => n / 1000);
    fc.assert(
      fc.property(bound, fc.array(decimal, { minLength: 20 }), (bounds, values) => {
        const near = [bounds.least, bounds.most].flatMap((at = 0) =>
          [-1, -0.01, -0.001, 0, 0.001, 0.01, 1].map((by) => Math.round((at + by) * 1000) / 1000),
        );
        const all = [...values, ...near].filter((value) => !Object.is(value, -0));
        const inside = all.filter((value) => inRange(value, bounds)).map(String);
        const withZeros = (text: string): string => (text.includes('.') ? `${text}00` : `${text}.00`);
        const range = decimalRange(bounds);
        expect(found(range, all.map(String))).toEqual(inside);
        expect(found(range, all.map(String).map(withZeros))).toEqual(inside.map(withZeros));
        expect(found(range, ['.5', '1.', '-.5', '-0.0', '1e3'])).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('know bounds that are not written with digits alone', () => {
    const tiny = grammarOf(
      decimalRange({ least: 0, most: 1e-7, leastIsExcluded: true, mostIsExcluded: false }),
    );
    expect(matches(tiny, '0.0000001')).toBe(true);
    expect(matches(tiny, '0.00000011')).toBe(false);
    expect(matches(tiny, '0')).toBe(false);
    const huge = grammarOf(integerRange({ least: 1e16, leastIsExcluded: false, mostIsExcluded: false }));
    expect(matches(huge, '10000000000000000')).toBe(true);
    expect(matches(huge, '9999999999999999')).toBe(false);
  });

  it('have nothing where the bounds leave nothing', () => {
    const none = { leastIsExcluded: false, mostIsExcluded: false };
    expect(integerRange({ ...none, least: 0.2, most: 0.8 })).toBeUndefined();
    expect(decimalRange({ ...none, least: 2, most: 1 })).toBeUndefined();
    expect(integerRange({ ...none, least: 1e30 })).toBeUndefined();
  });

  it('have every number that JSON can write with sixteen digits', () => {
    const grammar = grammarOf(anyNumber);
    for (const written of ['0', '-0', '12.5', '1e10', '-1.25E-07', '9007199254740993'])
      expect(matches(grammar, written)).toBe(true);
    for (const written of ['01', '+1', '1.', '.5', '1e', '1e400'])
      expect(matches(grammar, written)).toBe(false);
  });
});

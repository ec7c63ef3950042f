import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commonLength, excerptAt, firstDifference } from './prompt-difference.js';

describe('what two lists have in common', () => {
  it.each([
    [[1, 2, 3], [1, 2, 4], 2],
    [[1, 2], [1, 2, 4], 2],
    [[], [1], 0],
    [[1, 2], [1, 2], 2],
  ])('at the head of %j and %j is counted', (a, b, count) => {
    expect(commonLength(a, b)).toBe(count);
  });
});

describe('the first difference of two texts', () => {
  it('splits no character', () => {
    expect(firstDifference('a\u{1F600}b', 'a\u{1F601}b')).toBe(1);
    expect(firstDifference('a\u{1F600}b', 'a\u{1F600}c')).toBe(3);
  });

  it('is where they are the same up to, and no further', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        const at = firstDifference(a, b);
        expect(a.slice(0, at)).toBe(b.slice(0, at));
        expect(a === b || a.codePointAt(at) !== b.codePointAt(at)).toBe(true);
      }),
    );
  });
});

describe('an excerpt', () => {
  it('is the text on both sides, at most 80 units each, of whole characters', () => {
    expect(excerptAt('before|after', 6)).toEqual({ before: 'before', after: '|after' });
    const long = `${'\u{1F600}'.repeat(60)}|${'\u{1F600}'.repeat(60)}`;
    const { before, after } = excerptAt(long, 121);
    expect(before).toBe(`${'\u{1F600}'.repeat(39)}|`);
    expect(after).toBe('\u{1F600}'.repeat(40));
    expect(excerptAt('', 0)).toEqual({ before: '', after: '' });
  });
});

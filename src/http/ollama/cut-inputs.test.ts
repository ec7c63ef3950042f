import { describe, expect, it } from 'vitest';
import { cutTokens } from './cut-inputs.js';

const [begin, end] = [101, 102];

describe('an input that is too long', () => {
  it('is cut, and keeps the tokens around it', () => {
    expect(cutTokens([begin, 1, 2, 3, 4, end], [1, 2, 3, 4], 4)).toEqual([begin, 1, 2, end]);
    expect(cutTokens([begin, 1, 2, 3, 4], [1, 2, 3, 4], 3)).toEqual([begin, 1, 2]);
    expect(cutTokens([1, 2, 3, 4, end], [1, 2, 3, 4], 3)).toEqual([1, 2, end]);
    expect(cutTokens([1, 2, 3, 4], [1, 2, 3, 4], 3)).toEqual([1, 2, 3]);
  });

  it('is cut at its end where its own tokens are others with those around it', () => {
    expect(cutTokens([begin, 9, 2, 3, end], [1, 2, 3], 3)).toEqual([begin, 9, 2]);
  });

  it('that fits stays as it is', () => {
    expect(cutTokens([begin, 1, 2, end], [1, 2], 4)).toEqual([begin, 1, 2, end]);
  });
});

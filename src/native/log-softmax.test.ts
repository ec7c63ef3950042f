import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logProbability, topLogProbabilities } from './log-softmax.js';

const logit = fc.oneof(
  fc.float({ min: -80, max: 80, noNaN: true }),
  fc.constantFrom(0, 1, -3), // equal ones
  fc.constant(-Infinity),
);
const vocabularies = fc
  .array(logit, { minLength: 1, maxLength: 300 })
  .filter((logits) => logits.some((value) => value > -Infinity))
  .map((logits) => Float32Array.from(logits));

describe('the log-softmax of a row', () => {
  test('has probabilities that sum to 1', () => {
    fc.assert(
      fc.property(vocabularies, (logits) => {
        const sum = logits.reduce((total, _, token) => total + Math.exp(logProbability(logits, token)), 0);
        expect(sum).toBeCloseTo(1, 9);
      }),
    );
  });

  test('is that of exact numbers where they are known', () => {
    const logits = Float32Array.of(Math.log(1), Math.log(2), Math.log(5));
    expect(Math.exp(logProbability(logits, 0))).toBeCloseTo(1 / 8, 6);
    expect(Math.exp(logProbability(logits, 1))).toBeCloseTo(2 / 8, 6);
    expect(Math.exp(logProbability(logits, 2))).toBeCloseTo(5 / 8, 6);
  });

  test('is not lost to overflow', () => {
    expect(logProbability(Float32Array.of(1e6, 1e6), 1)).toBeCloseTo(-Math.LN2, 12);
    expect(logProbability(Float32Array.of(-1e6, -1e6), 1)).toBeCloseTo(-Math.LN2, 12);
  });
});

describe('the most likely tokens of a row', () => {
  test('are those that sorting all of them finds, equal ones in the order of the vocabulary', () => {
    fc.assert(
      fc.property(vocabularies, fc.nat(25), (logits, count) => {
        const sorted = Array.from(logits, (value, token) => ({ token, value }))
          .filter(({ value }) => value > -Infinity)
          .toSorted((a, b) => b.value - a.value)
          .slice(0, count)
          .map(({ token }) => ({ token, logProbability: logProbability(logits, token) }));
        expect(topLogProbabilities(logits, count)).toEqual(sorted);
      }),
    );
  });
});

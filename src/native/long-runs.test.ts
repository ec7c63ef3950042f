import { describe, expect, test } from 'vitest';
import { cutLongRuns } from './long-runs.js';

describe('long runs', () => {
  test('leave texts that people write whole', () => {
    const text = 'Words, words: and 12345 numbers.\n'.repeat(10_000);
    expect(cutLongRuns(text)).toEqual([text]);
  });

  test.each(['a', 'ä', ' ', '\n', '=', '🧵', 'e\u0301'])(
    'of %j are cut, and nothing is lost',
    (character) => {
      const text = `before ${character.repeat(50_000)} after`;
      const pieces = cutLongRuns(text);
      expect(pieces.length).toBeGreaterThan(10);
      expect(pieces.join('')).toBe(text);
      expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(2 * 4200);
      const roundTrip = (piece: string): string => Buffer.from(piece).toString();
      expect(pieces.map(roundTrip)).toEqual(pieces);
    },
  );
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDeeperThan } from './json-depth.js';

/** Lists and objects inside of each other, as the parsed value has them. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe('the depth of a JSON text', () => {
  test('is that of its value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8, noUnicodeString: false }), fc.nat(3), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        const depth = depthOf(JSON.parse(text));
        expect(isDeeperThan(text, depth)).toBe(false);
        expect(isDeeperThan(text, depth - 1)).toBe(depth > 0);
      }),
    );
  });

  test.each([String.raw`"[[["`, String.raw`"\"[[["`, String.raw`["\\", "\\\"[[["]`, String.raw`"\\\\"`])(
    'is not made by what stands in strings: %s',
    (text) => {
      expect(() => JSON.parse(text) as unknown).not.toThrow();
      expect(isDeeperThan(text, 1)).toBe(false);
    },
  );

  test('is told of what is no JSON too, and soon', () => {
    expect(isDeeperThan('['.repeat(2 ** 24), 64)).toBe(true);
    for (const text of ['', '"', '"\\', ']]]]', '"[[[', '\\"[', '}{']) isDeeperThan(text, 1);
    expect(isDeeperThan(']]]][[', 1)).toBe(false);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ServedTokens } from './served-tokens.js';

describe('tokens served to a key', () => {
  test('are counted, those generated twice', () => {
    const served = new ServedTokens();
    served.arrived('a');
    served.promptServed('a', 10);
    served.generated('a', 3);
    expect([served.of('a'), served.of('b')]).toEqual([16, 0]);
  });

  test('are at least those of the lowest key that waits, for one that comes', () => {
    const served = new ServedTokens();
    for (const key of ['a', 'b']) served.arrived(key);
    served.promptServed('a', 100);
    served.promptServed('b', 70);
    served.arrived('c');
    expect(served.of('c')).toBe(70);
    served.promptServed('b', 100);
    served.arrived('c');
    expect(served.of('c')).toBe(70);
  });

  test('are those of the key that waited last, for one that comes when none waits', () => {
    const served = new ServedTokens();
    served.arrived('a');
    served.promptServed('a', 500);
    served.admitted('a');
    served.arrived('b');
    expect(served.of('b')).toBe(500);
  });

  test('are not lost to a key that comes back', () => {
    const served = new ServedTokens();
    for (const key of ['a', 'b']) served.arrived(key);
    served.promptServed('a', 100);
    served.admitted('a');
    served.left('a');
    served.arrived('a');
    expect(served.of('a')).toBe(100);
  });

  test('are forgotten of keys that left, when there are many, but not of those that have work', () => {
    const served = new ServedTokens();
    served.arrived('stays');
    served.promptServed('stays', 5);
    for (let key = 0; key < 5000; key++) {
      served.arrived(`${key}`);
      served.promptServed(`${key}`, 1 + key);
      served.admitted(`${key}`);
      served.left(`${key}`);
    }
    expect(served.of('stays')).toBe(5);
    expect(served.of('0')).toBe(0);
    expect(served.of('4999')).toBeGreaterThanOrEqual(5000);
    expect(served.size).toBeLessThanOrEqual(1026);
  });

  test('differ by no more than a turn, while the lowest key goes first and all have work', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 50, maxLength: 300 }), (turns) => {
        const served = new ServedTokens();
        const keys = ['a', 'b', 'c'];
        for (const key of keys) served.arrived(key);
        for (const tokens of turns) {
          const [lowest = ''] = keys.toSorted((left, right) => served.of(left) - served.of(right));
          served.promptServed(lowest, tokens);
        }
        const counts = keys.map((key) => served.of(key));
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(500);
      }),
    );
  });
});

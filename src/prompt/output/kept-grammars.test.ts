import { expect, test } from 'vitest';
import { KeptGrammars } from './kept-grammars.js';

test('a grammar is made once, those that fail are not kept, and the oldest leave when there are too many', () => {
  const sources = new KeptGrammars<string>(8 * 1024 * 1024);
  let made = 0;
  const big = (key: string) =>
    sources.get(key, () => {
      const value = `${++made}${'x'.repeat(3 * 1024 * 1024)}`;
      return { value, characters: value.length };
    });
  const first = big('a');
  expect(big('a')).toBe(first);
  expect(() =>
    sources.get('bad', () => {
      throw new Error('no');
    }),
  ).toThrow('no');
  big('b');
  big('a');
  big('c');
  expect(made).toBe(3);
  big('a');
  expect(made).toBe(3);
  big('b');
  expect(made).toBe(4);
});

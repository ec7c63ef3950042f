import { describe, expect, test } from 'vitest';
import type { ReasoningLimit } from '../core/reasoning-limit.js';
import { ReasoningWatch } from './reasoning-watch.js';

const think: ReasoningLimit = {
  tokens: 3,
  open: '<think>',
  close: '</think>',
  closing: '\n</think>\n\n',
};
const encoder = new TextEncoder();

/** Whether the limit is due after each of these tokens. */
function dueAfter(limit: ReasoningLimit, tokens: readonly (string | readonly number[])[]): boolean[] {
  const watch = new ReasoningWatch(limit);
  return tokens.map((token) => {
    watch.push(typeof token === 'string' ? encoder.encode(token) : Uint8Array.from(token));
    return watch.isDue;
  });
}

describe('the watch over reasoning', () => {
  test('counts from the marker on', () => {
    expect(dueAfter(think, ['<think>', 'a', 'b', 'c', 'd'])).toEqual([false, false, false, true, true]);
  });

  test('knows markers that are cut, and white space before the first one', () => {
    expect(dueAfter(think, ['\n', '<th', 'ink>a', 'b', 'c', 'd'])).toEqual([
      false,
      false,
      false,
      false,
      false,
      true,
    ]);
    expect(dueAfter(think, ['<think>', 'a', 'b</th', 'ink>', 'd', 'e'])).toEqual(Array(6).fill(false));
  });

  test('sees it end with another text too', () => {
    const called = { ...think, ends: ['<tool_call>', '<function='] };
    const texts = ['<think>', 'a', 'b<tool', '_call>', 'c', 'd</think>', 'e', 'f'];
    expect(dueAfter(called, texts)).toEqual(Array(texts.length).fill(false));
    expect(dueAfter(think, texts.slice(0, 5)).at(-1)).toBe(true);
  });

  test('counts at once where the prompt has begun it', () => {
    const { open: _, ...begun } = think;
    expect(dueAfter(begun, ['a', 'b', 'c'])).toEqual([false, false, true]);
    expect(new ReasoningWatch({ ...begun, tokens: 0 }).isDue).toBe(true);
  });

  test('counts nothing in an answer, though it has a marker in it', () => {
    expect(dueAfter(think, ['So: ', '<think>', 'a', 'b', 'c', 'd'])).toEqual(Array(6).fill(false));
    expect(dueAfter(think, ['<think></think>', '<think>', 'a', 'b', 'c'])).toEqual(Array(5).fill(false));
  });

  test('counts all of it where it can begin again', () => {
    const limit = { ...think, anywhere: true };
    expect(dueAfter(limit, ['A', '<think>', 'b', '</think>', 'C', '<think>', 'd'])).toEqual([
      false,
      false,
      false,
      false,
      false,
      false,
      true,
    ]);
  });

  test('waits for a character to be complete, but not for ever', () => {
    const { open: _, ...begun } = think;
    expect(dueAfter({ ...begun, tokens: 1 }, [[0xe2], [0x82], [0xac]])).toEqual([false, false, true]);
    expect(dueAfter({ ...begun, tokens: 1 }, [[0xf0], [0xf0], [0xf0], [0xf0]])).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });
});

import { describe, expect, test } from 'vitest';
import { RecentPrompts } from './recent-prompts.js';

describe('the prompts of late', () => {
  test('tell how much of a new one others have begun with', () => {
    const recent = new RecentPrompts();
    expect(recent.meet(['a', 'b', 'c'])).toBe(0);
    expect(recent.meet(['a', 'b', 'x'])).toBe(2);
    expect(recent.meet(['a', 'b', 'x', 'y'])).toBe(3);
    expect(recent.meet(['z', 'b'])).toBe(0);
    expect(recent.meet([])).toBe(0);
  });

  test('are forgotten when many others came, and those that came again are not', () => {
    const recent = new RecentPrompts();
    const many = (name: string): string[] => Array.from({ length: 3000 }, (_, at) => `${name}${at}`);
    recent.meet(['a', 'b']);
    recent.meet(['c', 'd']);
    recent.meet(many('one'));
    recent.meet(many('two'));
    recent.meet(['a', 'b']);
    recent.meet(many('three'));
    expect(recent.meet(['a', 'b'])).toBe(2);
    expect(recent.meet(['c', 'd'])).toBe(0);
  });
});

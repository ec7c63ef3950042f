import { describe, expect, it } from 'vitest';
import { matches } from '../../testing/grammar-reader.js';
import { composeGrammar } from '../gbnf-text.js';
import { Grammar } from '../grammar.js';
import { jsonNotation } from './notation.js';
import { otherName } from './object-rule.js';
import { RuleWriter } from './rule-writer.js';

const begin = 'a'.repeat(200);
const named = (count: number): Set<string> =>
  new Set(Array.from({ length: count }, (_, index) => begin + String(index).padStart(5, '0')));

describe('the name of another property', () => {
  it('has a rule for each place where names differ, of thousands that begin alike', () => {
    const writer = new RuleWriter('value', 'format', jsonNotation);
    const before = writer.rules.size;
    otherName(named(12_000), writer, jsonNotation.otherKey);
    // What a name may begin with: so many of the letters, then of the digits, up to whole names.
    expect(writer.rules.size - before).toBe(201 + 2 + 12 + 120 + 1200 + 12_000);
  });

  it('is none of them', () => {
    const writer = new RuleWriter('value', 'format', jsonNotation);
    const root = otherName(named(300), writer, jsonNotation.otherKey);
    const grammar = new Grammar(composeGrammar({ root, rules: [{ name: 'value', rules: writer.rules }] }));
    expect(matches(grammar, `${begin}00007`)).toBe(false);
    expect(matches(grammar, `${begin}00300`)).toBe(true);
    expect(matches(grammar, `${begin}000070`)).toBe(true);
    expect(matches(grammar, begin)).toBe(true);
  });
});

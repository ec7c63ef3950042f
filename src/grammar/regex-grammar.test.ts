import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches } from '../testing/grammar-reader.js';
import { composeGrammar } from './gbnf-text.js';
import { Grammar } from './grammar.js';
import { regexGrammar } from './regex-grammar.js';

const grammarOf = (source: string): Grammar => {
  const regex = regexGrammar(source, { param: 'guided_regex' });
  return new Grammar(composeGrammar({ root: regex.name, rules: [regex] }));
};

describe('regexGrammar', () => {
  it.each([
    'a*b+c?',
    '(?:ab|a)(?:b|c){0,2}',
    '[a-c]{2,4}|b$',
    '^a(?<name>b|c)*$|^cc$',
    '[^ab]+',
    '(a|)(b|)(c|)',
    'a{2}b{1,}?',
    '\\w\\W|\\d{2,3}',
    '(a*)*b',
  ])('has the texts that match %s as a whole', (source) => {
    const grammar = grammarOf(source);
    const expression = new RegExp(`^(?:${source})$`, 'u');
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'b', 'c', '-', '1', 'é'), maxLength: 7 }),
        (text) => {
          expect([text, matches(grammar, text)]).toEqual([text, expression.test(text)]);
        },
      ),
      { numRuns: 400 },
    );
  });

  it.each([
    '.',
    '\\s',
    '\\S',
    '\\D',
    '[\\w-]',
    '[^\\s"]',
    '\\u00e9|\\x41|\\u{1F600}',
    '\\.',
    '[\\]\\\\^-]',
    '"|\\\\',
    '[\\b\\0]',
  ])('agrees with JavaScript about every character of %s', (source) => {
    const grammar = grammarOf(source);
    const expression = new RegExp(`^(?:${source})$`, 'u');
    const points = [
      ...Array.from({ length: 0x300 }, (_, point) => point),
      0x2028,
      0x2029,
      0x3000,
      0xfeff,
      0x1f600,
    ];
    for (const point of points) {
      const text = String.fromCodePoint(point);
      expect([point.toString(16), matches(grammar, text)]).toEqual([
        point.toString(16),
        expression.test(text),
      ]);
    }
  });

  it.each([
    '(?=a)b',
    '(?!a)b',
    '(?<=a)b',
    '(a)\\1',
    '\\bword',
    '\\p{L}',
    '(?i)a',
    'a^b',
    '(^a)',
    '(a$)',
    'a**',
    '+a',
    '[z-a]',
    '(a',
    'a)',
    '[a',
    'a{3,2}',
    'a{99999}',
    '\\ud800',
  ])('refuses %s', (source) => {
    expect(() => grammarOf(source)).toThrow(
      expect.objectContaining({ code: 'invalid_parameter', param: 'guided_regex' }) as Error,
    );
  });

  it('reads repetitions of nothing as nothing', () => {
    const emptied = '(?:(?:(?:){0,10000}){9900})';
    const plain = regexGrammar('^(?!b)[a-c]{0,3}');
    expect(regexGrammar(`^(?!b)${emptied}[a-c]{0,3}(?:(?:|){9}a{0})*`)).toEqual(plain);
    expect(matches(grammarOf(`^(?!b)${emptied}(?:${emptied}|a)`), 'a')).toBe(true);
  });
});

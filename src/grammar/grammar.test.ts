import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { begins, matches } from '../testing/grammar-reader.js';
import { Random } from '../testing/random.js';
import { Grammar } from './grammar.js';
import { GrammarMemory } from './grammar-memory.js';
import { isOver } from './grammar-state.js';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('Grammar', () => {
  it('reads literals, classes, repetitions, choices and rules', () => {
    const source = [
      'root ::= greeting (", " [a-zé]+ # a name',
      ')? "!"{1,3} | number',
      'greeting ::= "hi" | "h\\u00e9"',
      'number ::= "-"? ( "0" | [1-9] [0-9]* )',
    ].join('\n');
    for (const text of ['hi!', 'hé, été!!!', '0', '-120'])
      expect([text, matches(source, text)]).toEqual([text, true]);
    for (const text of ['', 'hi', 'hi!!!!', 'hi, !', '012', '-'])
      expect([text, matches(source, text)]).toEqual([text, false]);
  });

  it('knows when a text is whole, and when nothing can follow it', () => {
    const grammar = new Grammar('root ::= "a" "b"?');
    const after = (text: string) => grammar.afterBytes(grammar.start, bytesOf(text));
    expect(after('')).toMatchObject({ isComplete: false });
    expect(after('a')).toMatchObject({ isComplete: true });
    expect(isOver(after('a') ?? grammar.start)).toBe(false);
    expect(isOver(after('ab') ?? grammar.start)).toBe(true);
  });

  it('reads what nests, to any depth', () => {
    const grammar = new Grammar('root ::= "(" root ")" | ""');
    const deep = 5_000;
    expect(matches(grammar, '('.repeat(deep) + ')'.repeat(deep))).toBe(true);
    expect(matches(grammar, '('.repeat(deep) + ')'.repeat(deep - 1))).toBe(false);
    expect(begins(grammar, '('.repeat(deep) + ')'.repeat(deep + 1))).toBe(false);
  });

  it('reads right recursion without keeping what it has behind it', () => {
    const grammar = new Grammar('root ::= item root | item\nitem ::= [a-z] ","');
    let state = grammar.start;
    const ids = new Set<number>();
    for (let count = 0; count < 100; count++) {
      state = grammar.afterBytes(state, bytesOf('x,')) ?? grammar.start;
      ids.add(state.id);
    }
    expect(ids.size).toBe(1);
  });

  it('takes time in proportion to the text where the readings double with each character', () => {
    const grammar = new Grammar('root ::= "a" root "b" | "a" root "c" | "d"');
    const text = `${'a'.repeat(300)}d${'bc'.repeat(150)}`;
    expect(matches(grammar, text)).toBe(true);
    expect(grammar.work).toBeLessThan(text.length * 100);
  });

  it('agrees with a regular expression on ambiguous patterns', () => {
    const grammar = new Grammar(
      'root ::= ( "a" | "ab" | "b"? "c" | (("c"*)*)+ )* "a"{2,4} x?\nx ::= y "c" y\ny ::= "" | "b"',
    );
    const expression = /^(a|ab|b?c|c*)*a{2,4}((b|)c(b|))?$/;
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 }), (text) => {
        expect(matches(grammar, text)).toBe(expression.test(text));
      }),
    );
  });

  it('reads characters of several bytes, and nothing that is no UTF-8', () => {
    const source = 'root ::= .';
    for (const text of ['a', 'é', '€', '𝄞', '\u0000'])
      expect([text, matches(source, text)]).toEqual([text, true]);
    const broken = [
      [0xe0, 0x9f, 0xbf],
      [0xed, 0xa0, 0x80],
      [0xf0, 0x8f, 0xbf, 0xbf],
      [0xf4, 0x90, 0x80, 0x80],
      [0xc1, 0xbf],
      [0x80],
    ];
    for (const bytes of broken)
      expect([bytes.join(), begins(source, Uint8Array.from(bytes))]).toEqual([bytes.join(), false]);
    expect(matches('root ::= [^a-z]', 'é')).toBe(true);
    expect(matches('root ::= [^a-z]', 'q')).toBe(false);
  });

  it('agrees with code points on every class', () => {
    const anyPoint = fc.oneof(
      fc.integer({ min: 0, max: 0xd7ff }),
      fc.integer({ min: 0xe000, max: 0x10ffff }),
    );
    const hex = (point: number): string => `\\U${point.toString(16).padStart(8, '0')}`;
    fc.assert(
      fc.property(anyPoint, anyPoint, fc.array(anyPoint, { minLength: 1, maxLength: 5 }), (a, b, probes) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        const grammar = new Grammar(`root ::= [${hex(low)}-${hex(high)}]`);
        for (const probe of [...probes, low, high])
          expect(matches(grammar, String.fromCodePoint(probe))).toBe(low <= probe && probe <= high);
      }),
    );
  });

  it('leaves ways out that never end', () => {
    const grammar = new Grammar('root ::= "a" endless | "b"\nendless ::= "x" endless');
    expect(begins(grammar, 'a')).toBe(false);
    expect(matches(grammar, 'b')).toBe(true);
  });

  it('knows tokens that are named', () => {
    const grammar = new Grammar('root ::= <call> "x" <[7]> | "<call>y"', {
      findToken: (text) => (text === '<call>' ? 3 : undefined),
    });
    const none = new Uint8Array(0);
    const called = grammar.afterToken(grammar.start, 3, none);
    expect(grammar.namedTokens(grammar.start)).toEqual([3]);
    expect(called === null ? null : grammar.afterToken(called, 9, bytesOf('x'))).not.toBeNull();
    expect(grammar.afterToken(grammar.start, 4, none)).toBeNull();
    expect(grammar.afterToken(grammar.start, 9, bytesOf('<call>y'))).toMatchObject({ isComplete: true });
  });

  it.each([
    ['', 'no rule named "root"|must have a rule named "root"'],
    ['root ::= other', 'no rule named "other"'],
    ['root ::= "a', 'ends in the middle'],
    ['root ::= "\\q"', 'is no escape'],
    ['root ::= *', 'could be repeated'],
    ['root ::= "a"{3,2}', 'is no range'],
    ['root ::= "a"{20000}', 'may be repeated'],
    [`root ::= ${'("a" "b"){9000} '.repeat(12)}`, 'too large'],
    ['root ::= ' + '('.repeat(5000) + '"a"' + ')'.repeat(5000), 'nested'],
    ['root ::= "a"' + '*'.repeat(5000), 'nested'],
    ['root ::= root "a" | "b"', 'begin with itself'],
    ['root ::= e root "a" | "b"\ne ::= f\nf ::= ""', 'begin with itself'],
    ['root ::= "a" root', 'No text at all'],
    ['root ::= "a"\nroot ::= "b"', 'twice'],
    ['root ::= !<[3]>', 'not supported'],
    ['root ::= <nothing>', 'not one token'],
    ['root ::= []', 'No text at all'],
    ['root ::= ""', 'nothing but the empty text'],
    ['root = "a"', '"::=" is expected'],
  ])('refuses %.40s', (source, message) => {
    expect(() => new Grammar(source, { param: 'grammar' })).toThrow(
      expect.objectContaining({
        code: 'invalid_parameter',
        param: 'grammar',
        message: expect.stringMatching(message) as string,
      }) as Error,
    );
  });

  it('goes on behind an opening, whose rules have nothing to do with its own', () => {
    const opening = 'root ::= ( "<" word ">" )?\nword ::= [a-z]+';
    const grammar = new Grammar('root ::= word | "(" root ")"\nword ::= [0-9]+', { opening });
    const texts = ['12', '<ab>12', '<ab>((12))', '<12>12', 'ab', '<ab>', '(<ab>12)', '<ab><ab>1'];
    expect(texts.filter((text) => matches(grammar, text))).toEqual(texts.slice(0, 3));
  });

  it('refuses a text with too many readings instead of computing for ever', () => {
    const source = `root ::= ( ${Array.from({ length: 50 }, (_, index) => `"a"{0,${900 + index}}`).join(' ')} "b" )`;
    const grammar = new Grammar(source);
    expect(() => matches(grammar, 'a'.repeat(500))).toThrow(/too many readings/);
  });

  it('keeps only so much of what it reads, together with others, and reads on all the same', () => {
    const memory = new GrammarMemory(4_000_000);
    const make = () => new Grammar('root ::= [a-z]* "a" [a-z]{400}', { memory });
    const grammars = [make(), make(), make()];
    const states = grammars.map(({ start }) => start);
    const random = new Random(7);
    let most = 0;
    let text = '';
    for (let count = 0; count < 1500; count++) {
      const letter = String.fromCharCode(97 + Math.floor(random.next() * 4));
      text += letter;
      for (const [index, grammar] of grammars.entries()) {
        const next = grammar.afterBytes(states[index] ?? grammar.start, bytesOf(letter));
        states[index] = next ?? grammar.start;
        expect(next).not.toBeNull();
      }
      const kept = grammars.reduce((sum, { keptBytes }) => sum + keptBytes, 0);
      expect(memory.bytes).toBe(kept);
      most = Math.max(most, kept);
    }
    expect(most).toBeGreaterThan(3_000_000);
    expect(most).toBeLessThanOrEqual(4_000_000);
    const whole = /^[a-z]*a[a-z]{400}$/.test(text);
    expect(states.map(({ isComplete }) => isComplete)).toEqual([whole, whole, whole]);
  });

  it('does not take exponential time over rules that call each other in every order', () => {
    const rules = Array.from(
      { length: 15 },
      (_, index) => `r${index} ::= r${index + 1} r${index + 1} | r${index + 1}`,
    );
    const grammar = new Grammar(`root ::= r0\n${rules.join('\n')}\nr15 ::= "a"`);
    expect(matches(grammar, 'aaaa')).toBe(true);
    expect(grammar.work).toBeLessThan(100_000);
  });
});

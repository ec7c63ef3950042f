import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { matches } from '../../testing/grammar-reader.js';
import { composeGrammar } from '../gbnf-text.js';
import { Grammar } from '../grammar.js';
import { schemaGrammar } from './schema-grammar.js';

function grammarOf(schema: unknown): Grammar {
  const part = schemaGrammar(schema, { path: 'format' });
  return new Grammar(composeGrammar({ root: part.name, rules: [part] }));
}

describe('the schemas that zod makes', () => {
  it.each<[string, z.ZodType, string[], string[]]>([
    ['records', z.record(z.string(), z.number()), ['{}', '{"a":1,"b":2}'], ['{"a":"x"}', '[]', '1']],
    [
      'durations',
      z.iso.duration(),
      ['"P1W"', '"P1Y2M3DT4H5M6S"', '"PT1S"'],
      ['"P"', '"P1W1D"', '"PT"', '"1Y"'],
    ],
    ['beginnings', z.string().startsWith('ab'), ['"ab"', '"abc"'], ['"a"', '"xab"']],
    ['ends', z.string().endsWith('ab'), ['"ab"', '"cab"'], ['"abx"']],
    ['parts', z.string().includes('ab'), ['"xaby"'], ['"a b"']],
    ['phone numbers', z.e164(), ['"+4912345678"'], ['"4912345678"', '"+1"']],
    ['cases', z.string().lowercase(), ['"ab1"'], ['"aB"']],
  ])('are held to, of %s', (_, type, has, lacks) => {
    const grammar = grammarOf(z.toJSONSchema(type));
    for (const text of has) {
      expect([text, type.safeParse(JSON.parse(text)).success]).toEqual([text, true]);
      expect([text, matches(grammar, text)]).toEqual([text, true]);
    }
    for (const text of lacks) expect([text, matches(grammar, text)]).toEqual([text, false]);
  });

  it('are of objects only, where they say something of names', () => {
    expect(matches(grammarOf({ propertyNames: { type: 'string' } }), '{"a":1}')).toBe(true);
    expect(matches(grammarOf({ propertyNames: true }), '1')).toBe(false);
  });

  it.each<[object, string]>([
    [{ propertyNames: { type: 'string', enum: ['a'] } }, 'format.propertyNames'],
    [{ propertyNames: { type: 'number' } }, 'format.propertyNames'],
    [{ propertyNames: false }, 'format.propertyNames'],
    [{ type: 'string', format: 'starts_with' }, 'format.format'],
    [{ type: 'string', format: 'uri', pattern: '^https:' }, 'format.format'],
    [{ type: 'string', format: 'duration', pattern: 'a(?!b)' }, 'format.pattern'],
  ])('are refused where they say more: %j', (schema, param) => {
    expect(() => grammarOf(schema)).toThrow(
      expect.objectContaining({ code: 'unsupported_schema', param }) as Error,
    );
  });
});

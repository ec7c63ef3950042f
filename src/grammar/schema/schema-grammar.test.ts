import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { matches } from '../../testing/grammar-reader.js';
import { randomText } from '../../testing/random-text.js';
import { Random } from '../../testing/random.js';
import { refusedSchemas, schemaCorpus } from '../../testing/schema-corpus.js';
import { AutomatonWork } from '../automaton-work.js';
import { composeGrammar } from '../gbnf-text.js';
import { Grammar } from '../grammar.js';
import { limits } from '../limits.js';
import { schemaGrammar } from './schema-grammar.js';

const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
const path = 'response_format.json_schema.schema';

function grammarOf(schema: unknown): Grammar {
  const part = schemaGrammar(schema, { path });
  return new Grammar(composeGrammar({ root: part.name, rules: [part] }));
}

describe('schemaGrammar', () => {
  describe.each(schemaCorpus)('of $name', ({ schema, has = [], lacks = [] }) => {
    const grammar = grammarOf(schema);
    const validate = ajv.compile(schema as object);

    it('has what it should have, and lacks what it should not', () => {
      for (const text of has) {
        expect([`${text} is valid`, validate(JSON.parse(text))]).toEqual([`${text} is valid`, true]);
        expect([text, matches(grammar, text)]).toEqual([text, true]);
      }
      for (const text of lacks) expect([text, matches(grammar, text)]).toEqual([text, false]);
    });

    it('has only texts that are valid', () => {
      let ended = 0;
      for (let seed = 1; seed <= 60; seed++) {
        const text = randomText(grammar, new Random(seed), 5000);
        if (text === undefined) continue;
        ended++;
        expect([`${text}: ${ajv.errorsText(validate.errors)}`, validate(JSON.parse(text))]).toEqual([
          `${text}: ${ajv.errorsText(validate.errors)}`,
          true,
        ]);
      }
      expect(ended).toBeGreaterThan(30);
    });
  });

  it.each(refusedSchemas)('refuses %j at "%s"', (schema, below, code) => {
    expect(() => schemaGrammar(schema, { path })).toThrow(
      expect.objectContaining({ code, param: `${path}${below}` }) as Error,
    );
  });

  it('takes any value of any type for a schema that says nothing', () => {
    for (const schema of [true, {}, { description: 'anything' }]) {
      const grammar = grammarOf(schema);
      for (const text of ['1', '"x"', '{"a":[null,{"b":true}]}', '[]', '-1.5e3'])
        expect([text, matches(grammar, text)]).toEqual([text, true]);
    }
  });

  it('reads keywords without a type as of the types that they are about', () => {
    expect(matches(grammarOf({ properties: { a: { type: 'null' } }, required: ['a'] }), '{"a":null}')).toBe(
      true,
    );
    expect(matches(grammarOf({ minLength: 2 }), '"ab"')).toBe(true);
    expect(matches(grammarOf({ minLength: 2 }), '7')).toBe(false);
  });

  it('says that nothing can satisfy a schema when that is so', () => {
    const endless = { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] };
    for (const schema of [
      false,
      endless,
      { type: 'integer', minimum: 2, maximum: 1 },
      { type: 'string', const: 3 },
    ])
      expect(() => grammarOf(schema)).toThrow(/No text at all/);
  });

  it('has one budget for all its patterns, and says which of them is beyond it', () => {
    const counted = { type: 'string', pattern: '^(?!9)(?:a?){400}$' };
    const properties = (count: number): unknown =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, counted]));
    expect(schemaGrammar({ properties: properties(1) }, { path }).rules.size).toBeGreaterThan(400);
    const work = new AutomatonWork(limits.schemaAutomatonWork);
    expect(() => schemaGrammar({ properties: properties(48) }, { path, work })).toThrow(
      expect.objectContaining({
        code: 'unsupported_schema',
        param: expect.stringMatching(/\.properties\.p\d+\.pattern$/) as string,
      }) as Error,
    );
    expect(work.spent).toBeLessThan(limits.schemaAutomatonWork * 1.01);
  });

  it('counts what it takes to tell very many characters apart', () => {
    const many = Array.from({ length: 4900 }, (_, index) => String.fromCodePoint(0x4e00 + 2 * index));
    const work = new AutomatonWork(limits.schemaAutomatonWork);
    const schema = { type: 'string', pattern: `^(?!9)${many.join('')}$` };
    expect(() => schemaGrammar(schema, { path, work })).toThrow(/too much to be computed/);
    expect(work.spent).toBeGreaterThan(limits.automatonWork);
    expect(work.spent).toBeLessThan(limits.automatonWork * 1.01);
  });

  it('stays small and quick, or refuses, whatever the schema', () => {
    const deep = (depth: number): unknown => (depth === 0 ? {} : { type: 'array', items: deep(depth - 1) });
    const combinations = {
      allOf: Array.from({ length: 30 }, () => ({ anyOf: [{ type: 'null' }, { type: 'null' }] })),
    };
    const doubled = {
      $defs: Object.fromEntries(
        Array.from({ length: 40 }, (_, index) => [
          `d${index}`,
          { anyOf: [{ $ref: `#/$defs/d${index + 1}` }, { $ref: `#/$defs/d${index + 1}` }] },
        ]),
      ),
      $ref: '#/$defs/d0',
    };
    const wide = { enum: Array.from({ length: 30_000 }, (_, index) => index) };
    const power = { type: 'string', pattern: '(a|b)*a(a|b){40}', maxLength: 100 };
    for (const schema of [deep(400), combinations, doubled, wide, power]) {
      expect(() => schemaGrammar(schema, { path })).toThrow(
        expect.objectContaining({ status: 400, param: expect.stringContaining(path) as string }) as Error,
      );
    }
    const nested = Array.from({ length: 1000 }, (_, index) => index).reduceRight<unknown>(
      (tail, index) => ({ ...(tail as object), [`property ${index}`]: { type: 'boolean' } }),
      {},
    );
    const big = schemaGrammar({ type: 'object', properties: nested, additionalProperties: false }, { path });
    expect(big.rules.size).toBeLessThan(10_000);
    expect(new Grammar(composeGrammar({ root: big.name, rules: [big] })).start.isComplete).toBe(false);
  });
});

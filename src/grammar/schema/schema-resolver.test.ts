import { describe, expect, it } from 'vitest';
import { matches } from '../../testing/grammar-reader.js';
import { composeGrammar } from '../gbnf-text.js';
import { Grammar } from '../grammar.js';
import { resolverOf, schemaGrammar } from './schema-grammar.js';
import { sourceAt } from './schema-source.js';

const path = 'format';
const list = <T>(length: number, one: (index: number) => T): T[] =>
  Array.from({ length }, (_, index) => one(index));
const definition = (name: string): object => ({ $ref: `#/$defs/${name}` });

/** What it takes to read a schema, and how many cases it comes to. */
function reading(schema: object): { cases: number; work: number } {
  const root = sourceAt(schema, path);
  const resolver = resolverOf(root);
  return { cases: resolver.alternatives([root]).length, work: resolver.work };
}

/** Definitions that refer to the next one, twice each. */
function doubled(keyword: string, count: number, last: unknown): object {
  const both = (index: number): object => ({ [keyword]: [definition(`a${index}`), definition(`a${index}`)] });
  const $defs = Object.fromEntries(list(count, (index) => [`a${index}`, both(index + 1)]));
  return { $defs: { ...$defs, [`a${count}`]: last }, ...definition('a0') };
}

function refusal(schema: object): unknown {
  try {
    schemaGrammar(schema, { path });
  } catch (error) {
    return error;
  }
  return undefined;
}

const tooMuch = expect.objectContaining({
  code: 'unsupported_schema',
  param: path,
  message: expect.stringContaining('too much to be read') as string,
}) as Error;

describe('the alternatives of a schema', () => {
  it('are found once for each part, however often it is referred to', () => {
    expect(reading(doubled('anyOf', 45, false))).toEqual({ cases: 0, work: expect.any(Number) as number });
    for (const keyword of ['anyOf', 'allOf'])
      expect(reading(doubled(keyword, 45, false)).work).toBeLessThan(1000);
    expect(refusal(doubled('anyOf', 45, { type: 'string' }))).toMatchObject({ code: 'unsupported_schema' });
  });

  it('have each part once', () => {
    const schema = doubled('allOf', 30, { type: 'string' });
    const [one = [], ...others] = resolverOf(sourceAt(schema, path)).alternatives([sourceAt(schema, path)]);
    expect(others).toEqual([]);
    expect(new Set(one.map((part) => part.path)).size).toBe(one.length);
    expect(one.length).toBe(92);
  });

  it('are put together in steps, as many as there are parts', () => {
    const chain = { allOf: list(3000, () => ({ type: 'string' })) };
    expect(reading(chain).work).toBeLessThan(30_000);
  });

  it('are no more than can be put together in good time', () => {
    const numbers = list(250, (index) => ({ minimum: index }));
    expect(refusal({ allOf: [{ anyOf: numbers }, ...list(9000, () => ({ type: 'number' }))] })).toEqual(
      tooMuch,
    );
    const names = Object.fromEntries(list(4000, (index) => [`p${index}`, {}]));
    expect(
      refusal({ allOf: [{ properties: names }, ...list(4000, () => ({ additionalProperties: {} }))] }),
    ).toEqual(tooMuch);
    const value = 'x'.repeat(100_000);
    expect(refusal({ const: value, anyOf: list(200, () => ({ type: 'string' })) })).toEqual(tooMuch);
  });

  it('are not looked for behind names of any length', () => {
    const name = 'x'.repeat(20_000);
    const schema = { $defs: { [name]: { type: 'null' } }, ...definition(name) };
    expect(refusal(schema)).toMatchObject({ code: 'unsupported_schema', param: path });
  });
});

describe('the schemas of a oneOf', () => {
  const tagged = (index: number): object => ({
    type: 'object',
    required: ['k'],
    properties: { k: { const: index } },
  });

  it('are counted before they are compared', () => {
    expect(refusal({ oneOf: list(1500, tagged) })).toMatchObject({
      code: 'unsupported_schema',
      message: expect.stringContaining('more than 256 cases') as string,
    });
  });

  it('are read once each, and compared in pairs', () => {
    const { cases, work } = reading({ oneOf: list(256, tagged) });
    expect(cases).toBe(256);
    expect(work).toBeGreaterThan((256 * 255) / 2);
    expect(work).toBeLessThan(250_000);
  });

  it('are compared as long as that takes no more than is allowed', () => {
    const values = (letter: string): object => ({ enum: [...list(4000, (index) => letter + index), 'z'] });
    const options = list(250, (index) => ({
      type: 'object',
      required: ['x', 'k'],
      properties: { x: definition(index % 2 === 0 ? 'a' : 'b'), k: { const: index } },
    }));
    expect(refusal({ oneOf: options, $defs: { a: values('a'), b: values('b') } })).toEqual(tooMuch);
  });

  it('may have the oneOf itself in the property that tells them apart', () => {
    const schema = {
      $defs: {
        n: {
          oneOf: [
            {
              type: 'object',
              required: ['k'],
              properties: { k: definition('n') },
              additionalProperties: false,
            },
            { type: 'object', required: ['k'], properties: { k: { const: 1 } }, additionalProperties: false },
          ],
        },
      },
      ...definition('n'),
    };
    const part = schemaGrammar(schema, { path });
    const grammar = new Grammar(composeGrammar({ root: part.name, rules: [part] }));
    expect(matches(grammar, '{"k":{"k":{"k":1}}}')).toBe(true);
    expect(matches(grammar, '{"k":{"k":2}}')).toBe(false);
  });

  it('may lead from one oneOf to the next, a thousand times', () => {
    const link = (index: number): object => ({
      oneOf: [
        { type: 'object', required: ['k'], properties: { k: definition(`n${index + 1}`) } },
        tagged(index),
      ],
    });
    const linked = Object.fromEntries(list(1000, (index) => [`n${index}`, link(index)]));
    const { cases, work } = reading({ $defs: { ...linked, n1000: { type: 'null' } }, ...definition('n0') });
    expect(cases).toBe(2);
    expect(work).toBeGreaterThan(10_000);
    expect(work).toBeLessThan(100_000);
  });
});

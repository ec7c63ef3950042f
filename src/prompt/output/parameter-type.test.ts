import { describe, expect, it } from 'vitest';
import { parameterTypes } from './parameter-type.js';

const types = (schema: object, root: object = {}): string[] =>
  [...parameterTypes({ name: 'f', parameters: { ...root, properties: { p: schema } } }, 'p')].toSorted();

const all = ['array', 'boolean', 'integer', 'null', 'number', 'object', 'string'];

describe('the types of a parameter', () => {
  it.each<[object, string[]]>([
    [{ type: 'string' }, ['string']],
    [{ type: ['string', 'null'] }, ['null', 'string']],
    [{ enum: ['a', 1, null] }, ['integer', 'null', 'string']],
    [{ const: true }, ['boolean']],
    [{ anyOf: [{ type: 'number' }, { const: [] }] }, ['array', 'number']],
    [{ allOf: [{ type: ['string', 'number'] }, { type: ['string', 'null'] }] }, ['string']],
    [{ $ref: '#/$defs/a~1b' }, ['object']],
    [{ $ref: '#/$defs/none' }, all],
    [{ $ref: 'https://example.org/schema' }, all],
    [{ $ref: '#/$defs/loop' }, all],
    [{}, all],
  ])('%j are %j', (schema, expected) => {
    const $defs = { 'a/b': { type: 'object' }, loop: { $ref: '#/$defs/loop' } };
    expect(types(schema, { $defs })).toEqual(expected);
  });

  it('are those of other parameters, where the schema has no such one', () => {
    const tool = { name: 'f', parameters: { additionalProperties: { type: 'integer' } } };
    expect([...parameterTypes(tool, 'x')]).toEqual(['integer']);
    expect([...parameterTypes({ name: 'f', parameters: { properties: {} } }, 'toString')].toSorted()).toEqual(
      all,
    );
    expect([...parameterTypes(undefined, 'x')].toSorted()).toEqual(all);
  });
});

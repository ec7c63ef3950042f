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

  it('are read once of each schema', () => {
    let reads = 0;
    const counted = (schema: object): object =>
      new Proxy(schema, {
        get: (target, key, receiver): unknown => {
          if (key === 'type') reads++;
          return Reflect.get(target, key, receiver);
        },
      });
    const to = (name: string): object => ({ $ref: `#/$defs/${name}` });
    const itself = { $defs: { a: counted({ anyOf: Array.from({ length: 12 }, () => to('a')) }) } };
    expect(types(to('a'), itself)).toEqual(all);
    expect(reads).toBe(1);
    const steps = Array.from({ length: 40 }, (_, index) => {
      const next = to(`b${index + 1}`);
      return [`b${index}`, counted({ [index % 2 === 0 ? 'anyOf' : 'allOf']: [next, next, next] })] as const;
    });
    const $defs = { ...Object.fromEntries(steps), b40: counted({ type: ['integer', 'null'] }) };
    expect(types(to('b0'), { $defs })).toEqual(['integer', 'null']);
    expect(reads).toBe(1 + 41);
  });

  it('are all, where schemas stand in each other without end', () => {
    let deep: object = { type: 'string' };
    for (let depth = 0; depth < 10_000; depth++) deep = { anyOf: [deep] };
    expect(types(deep)).toEqual(all);
  });
});

import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { withInputForm } from '../input-forms.js';
import { describeSchema } from './describe-schema.js';
import { acceptNulls, toJsonSchema } from './json-schema.js';

describe('toJsonSchema', () => {
  it('has what may be sent, not what is made of it', () => {
    const seconds = z.union([z.number(), z.string()]).transform(Number).optional();
    const schema = z.strictObject({ wait: seconds, count: z.int().min(1).default(2) });
    expect(toJsonSchema(schema)).toMatchObject({
      type: 'object',
      properties: {
        wait: { type: ['number', 'string'] },
        count: { type: 'integer', minimum: 1, default: 2 },
      },
      additionalProperties: false,
    });
    expect(toJsonSchema(schema).required).toBeUndefined();
  });

  it('has the message of a check as a rule', () => {
    const schema = z.string().refine((text) => text !== 'no', 'it must not be no');
    expect(toJsonSchema(schema)).toEqual({ type: 'string', rules: ['It must not be no.'] });
    const ofObject = z.strictObject({ a: z.int() }).refine(() => true, { error: 'a is odd', path: ['a'] });
    expect(toJsonSchema(ofObject).rules).toEqual(['A is odd.']);
  });

  it('refuses a check that says nothing of itself, wherever it is', () => {
    const silent = z.string().superRefine(() => undefined);
    expect(() => toJsonSchema(silent)).toThrow('rules');
    expect(() => toJsonSchema(z.strictObject({ a: z.array(silent).default([]) }))).toThrow('rules');
    expect(toJsonSchema(silent.meta({ rules: ['It is even.'] })).rules).toEqual(['It is even.']);
  });

  it('refuses a change before the check that says nothing of itself', () => {
    const list = z.array(z.string());
    const silent = (): z.ZodType => z.preprocess((value) => [value].flat(), list);
    expect(() => toJsonSchema(silent())).toThrow('withInputForm');
    expect(() => toJsonSchema(z.string().transform(Number).pipe(z.int()))).toThrow('withInputForm');
    const told = withInputForm(silent(), { accepts: z.union([z.string(), list]) });
    expect(toJsonSchema(z.strictObject({ list: told.optional() })).properties?.['list']).toEqual({
      anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
    });
  });

  it('has schemas that refer to themselves refer to their place', () => {
    const tree = z.strictObject({
      get children() {
        return z.array(tree).optional();
      },
    });
    expect(toJsonSchema(tree, '#/components/schemas/Tree').properties?.['children']?.items).toEqual({
      $ref: '#/components/schemas/Tree',
    });
  });

  it('has no empty list of items, which JSON schemas may not have', () => {
    expect(toJsonSchema(z.tuple([]))).toEqual({ type: 'array', items: false, maxItems: 0 });
  });
});

describe('acceptNulls', () => {
  it('lets all be null that need not be there, and nothing else', () => {
    const schema = toJsonSchema(
      z.strictObject({
        needed: z.string(),
        number: z.number().min(1).default(3),
        choice: z.enum(['a', 'b']).optional(),
        only: z.literal(false).optional(),
        either: z.union([z.string(), z.number()]).optional(),
        apart: z.union([z.string().min(1), z.number()]).optional(),
        already: z.string().nullish(),
        never: z.never().optional(),
        any: z.unknown().optional(),
      }),
    );
    acceptNulls(schema);
    expect(schema.properties).toEqual({
      needed: { type: 'string' },
      number: { type: ['number', 'null'], minimum: 1, default: 3 },
      choice: { type: ['string', 'null'], enum: ['a', 'b', null] },
      only: { enum: [false, null] },
      either: { type: ['string', 'number', 'null'] },
      apart: { anyOf: [{ type: 'string', minLength: 1 }, { type: 'number' }, { type: 'null' }] },
      already: { type: ['string', 'null'] },
      never: { type: 'null' },
      any: {},
    });
  });

  it('does so at every depth, and knows nothing of what has no names', () => {
    const inner = z.strictObject({ a: z.int().optional(), b: z.string() });
    const schema = toJsonSchema(
      z.strictObject({
        list: z.array(z.union([z.string(), inner])),
        kinds: z.discriminatedUnion('type', [z.strictObject({ type: z.literal('x'), inner })]).optional(),
        free: z.record(z.string(), z.int()),
      }),
    );
    acceptNulls(schema);
    const innerSchema = { properties: { a: { type: ['integer', 'null'] }, b: { type: 'string' } } };
    expect(schema.properties).toMatchObject({
      list: { items: { anyOf: [{ type: 'string' }, innerSchema] } },
      kinds: { anyOf: [{ oneOf: [{ properties: { inner: innerSchema } }] }, { type: 'null' }] },
      free: { additionalProperties: { type: 'integer' } },
    });
  });
});

describe('describeSchema', () => {
  it('writes to the fields of objects, lists and unions, with the rules behind', () => {
    const schema = toJsonSchema(
      z.strictObject({
        list: z.array(z.union([z.string(), z.strictObject({ name: z.string() })])),
        rest: z.string().refine(() => true, 'it is odd'),
      }),
    );
    const paths = describeSchema(schema, {
      list: 'All of them',
      'list[].name': 'Of one',
      rest: 'What is left',
    });
    expect([...paths]).toEqual(['list', 'list[].name', 'rest']);
    expect(schema.properties?.['list']).toMatchObject({
      description: 'All of them',
      items: { anyOf: [{}, { properties: { name: { description: 'Of one' } } }] },
    });
    expect(schema.properties?.['rest']).toEqual({
      type: 'string',
      description: 'What is left. It is odd.',
    });
  });
});

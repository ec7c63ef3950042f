import { describe, expect, it } from 'vitest';
import { boundsText, fieldsOf, typeText } from './schema-text.js';

describe('typeText', () => {
  it.each([
    [{ type: 'integer' }, 'integer'],
    [{ type: ['number', 'null'] }, 'number'],
    [{ enum: [false, null] }, 'boolean'],
    [{ enum: [[], null] }, 'array'],
    [{ type: 'null' }, 'null'],
    [{}, 'any'],
    [
      { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }, { type: 'null' }] },
      'string or array of string',
    ],
    [
      { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'object' }] } },
      'array of (string or object)',
    ],
    [{ oneOf: [{ type: 'object' }, { type: 'object' }] }, 'object'],
  ])('%j is %s', (schema, text) => {
    expect(typeText(schema)).toBe(text);
  });
});

describe('boundsText', () => {
  it.each([
    [{ type: 'number', minimum: 0, maximum: 2 }, '0 to 2'],
    [{ type: 'number', exclusiveMinimum: 0, maximum: 1 }, 'above 0; up to 1'],
    [{ type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER }, '1 or more'],
    [{ type: 'integer', minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }, ''],
    [{ type: ['string', 'null'], enum: ['a', 'b', null] }, '"a", "b"'],
    [{ type: 'string', minLength: 1 }, 'not empty'],
    [{ type: 'string', minLength: 1, maxLength: 9 }, '1 to 9 characters'],
    [{ type: 'array', maxItems: 0 }, 'empty'],
    [
      { type: 'array', items: { type: 'integer', minimum: 0 }, maxItems: 64 },
      'up to 64 items; each 0 or more',
    ],
    [
      {
        anyOf: [
          { type: 'string', minLength: 1 },
          { type: 'array', items: { type: 'string', minLength: 1 } },
        ],
      },
      'not empty; each not empty',
    ],
  ])('of %j are %s', (schema, text) => {
    expect(boundsText(schema)).toBe(text);
  });
});

describe('fieldsOf', () => {
  it('finds the objects that a value can be made of, and tells them apart', () => {
    const text = { type: 'object', properties: { type: { const: 'text' }, text: { type: 'string' } } };
    const image = { type: 'object', properties: { type: { const: 'image' }, url: { type: 'string' } } };
    const schema = { anyOf: [{ type: 'string' }, { type: 'array', items: { oneOf: [text, image] } }] };
    expect(fieldsOf(schema)).toEqual([
      { name: 'type: "text"', schema: text },
      { name: 'type: "image"', schema: image },
    ]);
    expect(fieldsOf({ type: 'array', items: text })).toEqual([{ name: '', schema: text }]);
    expect(fieldsOf({ type: 'string' })).toEqual([]);
  });
});

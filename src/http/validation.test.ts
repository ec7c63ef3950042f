import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseBody } from './validation.js';

const schema = z.strictObject({
  name: z.string(),
  count: z.int().default(1),
  items: z.array(z.strictObject({ text: z.string() })).default([]),
});

describe('a request body', () => {
  it('is what the schema says, with its defaults', () => {
    expect(parseBody(schema, { name: 'a' })).toEqual({ name: 'a', count: 1, items: [] });
  });

  it('may have null for what was not sent', () => {
    expect(parseBody(schema, { name: 'a', count: null, unknown: null })).toMatchObject({ count: 1 });
  });

  it('may have null for what was not sent at every depth, and not for what is needed', () => {
    const deep = z.strictObject({
      name: z.string().optional(),
      list: z.array(
        z.union([
          z.string(),
          z.discriminatedUnion('type', [
            z.strictObject({ type: z.literal('a').optional(), more: z.int().default(2) }),
            z.strictObject({
              type: z.literal('b'),
              more: z.string().nullable(),
              free: z.unknown().optional(),
            }),
          ]),
        ]),
      ),
      open: z.looseObject({ type: z.literal('object') }).optional(),
      pairs: z.record(z.string(), z.unknown()).optional(),
    });
    const free = { a: null, b: [{ c: null }] };
    const list = [{ type: null, more: null, other: null }, { type: 'b', more: null, other: null, free }, 'x'];
    const open = { type: 'object', default: null };
    expect(parseBody(deep, { name: null, list, open, pairs: { a: null } })).toEqual({
      list: [{ more: 2 }, { type: 'b', more: null, free }, 'x'],
      open,
      pairs: { a: null },
    });
    expect(list[0]).toEqual({ type: null, more: null, other: null });
    expect(() => parseBody(deep, { list: [null] })).toThrow(expect.objectContaining({ param: 'list[0]' }));
    expect(() => parseBody(deep, { list: [{ type: 'a', more: 0, other: 0 }] })).toThrow(
      expect.objectContaining({ code: 'unsupported_parameter', param: 'list[0].other' }),
    );
  });

  it('may have an unsupported parameter with a value that asks for nothing', () => {
    const neutral = { tools: [[]], format: [{ type: 'text' }] };
    expect(parseBody(schema, { name: 'a', tools: [], format: { type: 'text' } }, neutral)).toEqual({
      name: 'a',
      count: 1,
      items: [],
    });
    expect(() => parseBody(schema, { name: 'a', tools: [1] }, neutral)).toThrow(
      expect.objectContaining({ code: 'unsupported_parameter', param: 'tools' }),
    );
  });

  it.each([
    [null, 'invalid_parameter', undefined],
    [[], 'invalid_parameter', undefined],
    ['text', 'invalid_parameter', undefined],
    [{}, 'invalid_parameter', 'name'],
    [{ name: 'a', count: 1.5 }, 'invalid_parameter', 'count'],
    [{ name: 'a', items: [{ text: 'b' }, { text: 1 }] }, 'invalid_parameter', 'items[1].text'],
    [{ name: 'a', other: 1 }, 'unsupported_parameter', 'other'],
    [{ name: 'a', items: [{ text: 'b', other: 1 }] }, 'unsupported_parameter', 'items[0].other'],
    [{ name: 'a', toString: '' }, 'unsupported_parameter', 'toString'],
  ])('%j is refused with %s at %s', (body, code, param) => {
    expect(() => parseBody(schema, body)).toThrow(expect.objectContaining({ code, param }));
  });
});

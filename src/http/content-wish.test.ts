import { describe, expect, it } from 'vitest';
import { formOf } from './content-wish.js';

const refusalOf = (value: unknown): unknown => {
  try {
    return formOf({ path: 'guided_json', kind: 'schema', value });
  } catch (error) {
    return error;
  }
};

describe('a schema in a text', () => {
  it('is that of the same object', () => {
    const schema = { type: 'array', items: { enum: ['a', 'b'] } };
    const form = formOf({ path: 'guided_json', kind: 'schema', value: JSON.stringify(schema) });
    expect(form).toEqual(formOf({ path: 'guided_json', kind: 'schema', value: schema }));
  });

  it('is not parsed when it is nested very deeply', () => {
    const tooDeep = {
      code: 'invalid_parameter',
      param: 'guided_json',
      message: expect.stringContaining('nested 200 deep') as string,
    };
    // It has no end: a parser would find no JSON in it.
    expect(refusalOf('['.repeat(1_000_000))).toMatchObject(tooDeep);
    expect(refusalOf(`${'{"items":'.repeat(201)}{}${'}'.repeat(201)}`)).toMatchObject(tooDeep);
  });

  it('is refused when it is too large', () => {
    expect(refusalOf(JSON.stringify({ enum: Array.from({ length: 20_001 }, (_, at) => at) }))).toMatchObject({
      code: 'invalid_parameter',
      param: 'guided_json',
      message: expect.stringContaining('20000 keywords') as string,
    });
  });

  it('is JSON', () => {
    expect(refusalOf('{')).toMatchObject({ code: 'invalid_parameter', param: 'guided_json' });
  });
});

import { describe, expect, it } from 'vitest';
import { readCutObject } from './cut-json.js';

describe('an object that is cut off', () => {
  it.each([
    ['{"a": 1, "b": [true, {"c": "x"}]}', { a: 1, b: [true, { c: 'x' }] }],
    ['{"a": "Pa', { a: 'Pa' }],
    ['{"a": "P\\', { a: 'P' }],
    ['{"a": "P\\u00e', { a: 'P' }],
    ['{"a": "P\\\\', { a: 'P\\' }],
    ['{"a": 1, "b', { a: 1 }],
    ['{"a": 1, "b":', { a: 1 }],
    ['{"a": 1, "b": tru', { a: 1 }],
    ['{"a": [1, 2', { a: [1, 2] }],
    ['{"a": [1, {"b": "x, y", "c', { a: [1, { b: 'x, y' }] }],
    ['{"a": {"b": nul', { a: {} }],
    ['{"a"', {}],
    ['{', {}],
    ['', {}],
    ['[1', {}],
  ])('has what is there: %s', (text, value) => expect(readCutObject(text)).toEqual(value));

  it('is an object wherever it is cut', () => {
    const whole = '{"path": "a\\"b\\\\c", "lines": [1, -2.5e3, "x"], "more": {"on": true, "off": null}}';
    for (let end = 0; end <= whole.length; end++)
      expect(Object.keys(JSON.parse(whole) as object)).toEqual(
        expect.arrayContaining(Object.keys(readCutObject(whole.slice(0, end)))),
      );
    expect(readCutObject(whole)).toEqual(JSON.parse(whole));
  });
});

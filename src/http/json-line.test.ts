import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonLine } from './json-line.js';

test('JSON of any text is one line, whatever a reader takes for the end of one, and says the same', () => {
  const ends = fc.constantFrom('\n', '\r', '\v', '\f', '\x1c', '\x1d', '\x1e', '\x85', '\u2028', '\u2029');
  const text = fc.string({ unit: fc.oneof(fc.string({ unit: 'binary' }), ends) });
  fc.assert(
    fc.property(text, (value) => {
      const line = jsonLine({ value });
      // As str.splitlines of Python has them.
      expect(line).not.toMatch(/[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/);
      expect(JSON.parse(line)).toEqual({ value });
    }),
  );
});

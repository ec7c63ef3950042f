import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonLine } from './json-line.js';

/** As str.splitlines of Python has them. */
const lineEnds = [0x0a, 0x0b, 0x0c, 0x0d, 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029].map((code) =>
  String.fromCharCode(code),
);

test('JSON of any text is one line, whatever a reader takes for the end of one, and says the same', () => {
  const text = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...lineEnds)));
  fc.assert(
    fc.property(text, (parts) => {
      const value = parts.join('');
      const line = jsonLine({ value });
      expect(lineEnds.filter((end) => line.includes(end))).toEqual([]);
      expect(JSON.parse(line)).toEqual({ value });
    }),
  );
});

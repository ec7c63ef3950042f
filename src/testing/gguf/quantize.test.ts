import { describe, expect, it } from 'vitest';

import { dequantizeQ8, encodeValues, fromHalf, quantizeQ8, toHalf } from './quantize.js';
import { Random } from './random.js';

describe('f16', () => {
  it.each([
    [0, 0],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519, 0x7bff],
    [65520, 0x7c00],
    [Infinity, 0x7c00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000], // a tie goes to even
    [3 * 2 ** -25, 0x0002],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
  ])('of %d has the bits %i', (value, bits) => {
    expect(toHalf(value)).toBe(bits);
  });

  it('every finite f16 comes back as the same bits', () => {
    const finite = Array.from({ length: 0x10000 }, (_, bits) => bits).filter(
      (bits) => (bits & 0x7c00) !== 0x7c00,
    );
    expect(finite.filter((bits) => toHalf(fromHalf(bits)) !== bits)).toEqual([]);
  });
});

describe('Q8_0', () => {
  it('is off by little more than half a step of its block', () => {
    const random = new Random(5);
    const values = Float32Array.from({ length: 32 * 200 }, (_, i) => random.normal() * 10 ** ((i >> 5) % 5));
    const bytes = Buffer.alloc(200 * 34);
    quantizeQ8(values, bytes);
    const back = dequantizeQ8(bytes);
    const excess = Array.from({ length: 200 }, (_, block) => {
      const original = values.subarray(block * 32, block * 32 + 32);
      const errors = original.map((value, i) => Math.abs(value - (back[block * 32 + i] ?? NaN)));
      const step = Math.max(...original.map(Math.abs)) / 127;
      // Half a step for the int8, and up to 127 steps times the f16 rounding of the scale.
      return Math.max(...errors) / (step * (0.5 + 127 * 2 ** -11));
    });
    expect(Math.max(...excess)).toBeLessThan(1.001);
  });

  it('keeps a block of zeros', () => {
    const bytes = Buffer.alloc(34, 1);
    quantizeQ8(new Float32Array(32), bytes);
    expect(dequantizeQ8(bytes)).toEqual(new Float32Array(32));
  });

  it('takes whole blocks only', () => {
    expect(() => encodeValues('Q8_0', new Float32Array(33))).toThrow(RangeError);
  });
});

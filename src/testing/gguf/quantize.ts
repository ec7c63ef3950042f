import { byteLength, type GgufTensorType } from './gguf-format.js';

const floatBits = new Float32Array(1);
const wordBits = new Uint32Array(floatBits.buffer);

/** The bits of the f16 nearest to `value`, ties to even; beyond the range it is infinity. */
export function toHalf(value: number): number {
  floatBits[0] = value;
  const word = wordBits[0] ?? 0;
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // not a number
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // rounds to infinity
  if (magnitude < 0x38800000) {
    // Below 2^-14 an f16 counts in units of 2^-24.
    const units = (floatBits[0] ?? 0) * (sign === 0 ? 0x1000000 : -0x1000000);
    return sign | roundHalfEven(units);
  }
  const rebased = magnitude - 0x38000000; // exponent bias 127 to 15
  const rounded = rebased + 0xfff + ((rebased >>> 13) & 1);
  return sign | (rounded >>> 13);
}

/** The value of an f16's bits. */
export function fromHalf(half: number): number {
  const sign = (half & 0x8000) === 0 ? 1 : -1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

const q8BlockLength = 32;
const q8BlockBytes = 34;

/** Writes `values` (whole blocks of 32) as Q8_0 from `target[start]` on: per block an f16 scale, then 32 int8. */
export function quantizeQ8(values: Float32Array, target: Buffer, start = 0): void {
  for (let block = 0; block < values.length / q8BlockLength; block++) {
    const first = block * q8BlockLength;
    let largest = 0;
    for (let i = first; i < first + q8BlockLength; i++) largest = Math.max(largest, Math.abs(values[i] ?? 0));
    const scale = largest / 127;
    const inverse = scale === 0 ? 0 : 1 / scale;
    const at = start + block * q8BlockBytes;
    target.writeUInt16LE(toHalf(scale), at);
    for (let i = 0; i < q8BlockLength; i++) {
      target[at + 2 + i] = Math.round((values[first + i] ?? 0) * inverse) & 0xff;
    }
  }
}

/** The values that Q8_0 bytes stand for. */
export function dequantizeQ8(bytes: Buffer): Float32Array {
  const values = new Float32Array((bytes.length / q8BlockBytes) * q8BlockLength);
  for (let i = 0; i < values.length; i++) {
    const at = Math.floor(i / q8BlockLength) * q8BlockBytes;
    values[i] = fromHalf(bytes.readUInt16LE(at)) * bytes.readInt8(at + 2 + (i % q8BlockLength));
  }
  return values;
}

/** The bytes of `values` in a tensor type; for Q8_0 the values must be whole blocks of 32. */
export function encodeValues(type: GgufTensorType, values: Float32Array): Buffer {
  const bytes = Buffer.allocUnsafe(byteLength(type, values.length));
  switch (type) {
    case 'F32':
      for (let i = 0; i < values.length; i++) bytes.writeFloatLE(values[i] ?? 0, i * 4);
      break;
    case 'F16':
      for (let i = 0; i < values.length; i++) bytes.writeUInt16LE(toHalf(values[i] ?? 0), i * 2);
      break;
    case 'Q8_0':
      quantizeQ8(values, bytes);
      break;
  }
  return bytes;
}

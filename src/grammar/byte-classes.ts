import type { NetworkState } from './network.js';

/** Puts bytes that no edge tells apart into one class. */
export function byteClassesOf(states: readonly NetworkState[]): {
  byteClasses: Uint8Array;
  classBytes: number[];
} {
  const begins = new Uint8Array(257);
  begins[0] = 1;
  for (const { bytes } of states) {
    for (const { first, last } of bytes) {
      begins[first] = 1;
      begins[last + 1] = 1;
    }
  }
  const byteClasses = new Uint8Array(256);
  const classBytes: number[] = [];
  for (let byte = 0; byte < 256; byte++) {
    if (begins[byte] === 1) classBytes.push(byte);
    byteClasses[byte] = classBytes.length - 1;
  }
  return { byteClasses, classBytes };
}

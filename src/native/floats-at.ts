import koffi from 'koffi';
import type { Pointer } from './llama-structs.js';

/** The library's own memory as an array: good until its next call that writes there, and not to be kept. */
export function floatsAt(address: Pointer, length: number): Float32Array {
  return new Float32Array(koffi.view(address, length * Float32Array.BYTES_PER_ELEMENT));
}

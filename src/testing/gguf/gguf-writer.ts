import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

import { elementCount, encodeHeader, type GgufMetadata, type GgufTensorInfo } from './gguf-format.js';
import { encodeValues } from './quantize.js';

/** Fills `target` with the next values of a tensor, in file order. Called until the tensor is complete. */
export type Fill = (target: Float32Array) => void;

/** A tensor to write. */
export interface GgufTensor extends GgufTensorInfo {
  /** Starts the sequence of the tensor's values from its beginning; every call yields the same values. */
  readonly open: () => Fill;
}

/** Everything that one GGUF file holds. */
export interface GgufFile {
  readonly metadata: GgufMetadata;
  readonly tensors: readonly GgufTensor[];
}

/** Values made and written at a time: whole blocks of every tensor type, 1 MB as floats. */
const chunkLength = 1 << 18;

/**
 * Writes a GGUF version 3 file, tensor by tensor: memory use does not grow with the file.
 *
 * The bytes depend on `file` alone. They appear under `target` all at once, at the end, so that processes writing
 * the same file at the same time do not disturb each other.
 */
export function writeGguf(target: string, file: GgufFile): void {
  const { bytes, offsets, fileSize } = encodeHeader(file.metadata, file.tensors);
  const unfinished = path.join(path.dirname(target), `.${path.basename(target)}.${randomUUID()}.part`);
  try {
    const descriptor = fs.openSync(unfinished, 'w');
    try {
      fs.writeSync(descriptor, bytes, 0, bytes.length, 0);
      for (const [index, tensor] of file.tensors.entries())
        writeTensor(descriptor, offsets[index] ?? 0, tensor);
      fs.ftruncateSync(descriptor, fileSize);
    } finally {
      fs.closeSync(descriptor);
    }
    fs.renameSync(unfinished, target);
  } finally {
    fs.rmSync(unfinished, { force: true });
  }
}

function writeTensor(descriptor: number, start: number, tensor: GgufTensor): void {
  const fill = tensor.open();
  const chunk = new Float32Array(chunkLength);
  let position = start;
  for (let remaining = elementCount(tensor.shape); remaining > 0; remaining -= chunkLength) {
    const values = remaining < chunkLength ? chunk.subarray(0, remaining) : chunk;
    fill(values);
    const bytes = encodeValues(tensor.type, values);
    fs.writeSync(descriptor, bytes, 0, bytes.length, position);
    position += bytes.length;
  }
}

/** Whether `target` exists with the header and the size that `file` would be written with. */
export function isWritten(target: string, file: GgufFile): boolean {
  const { bytes, fileSize } = encodeHeader(file.metadata, file.tensors);
  if (fs.statSync(target, { throwIfNoEntry: false })?.size !== fileSize) return false;
  const found = Buffer.alloc(bytes.length);
  const descriptor = fs.openSync(target, 'r');
  try {
    fs.readSync(descriptor, found, 0, found.length, 0);
  } finally {
    fs.closeSync(descriptor);
  }
  return found.equals(bytes);
}

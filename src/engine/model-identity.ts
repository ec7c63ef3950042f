import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const sampleBytes = 256 * 1024;
const samples = 16;

/**
 * A hash that tells model files apart, in milliseconds whatever their size: of each file its length, its beginning with
 * all metadata and tensor names that fit a sample, its end, and samples in between. Any training changes nearly every
 * weight, so nearly every sample. A file that was copied or moved has the same.
 * @param path the first file, of a split model
 */
export function modelIdentity(path: string): string {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(sampleBytes);
  for (const file of filesOf(path)) {
    const descriptor = openSync(file, 'r');
    try {
      const { size } = fstatSync(descriptor);
      hash.update(`${size};`);
      const last = Math.max(0, size - sampleBytes);
      for (let sample = 0; sample < samples; sample++) {
        const position = Math.floor((last * sample) / (samples - 1));
        hash.update(buffer.subarray(0, readSync(descriptor, buffer, 0, sampleBytes, position)));
      }
    } finally {
      closeSync(descriptor);
    }
  }
  return hash.digest('hex');
}

/** `model-00001-of-00003.gguf` and its sisters; any other file is all there is. */
function filesOf(path: string): string[] {
  const split = /^(.*-)(\d{5})-of-(\d{5})(\.gguf)$/.exec(path);
  if (split === null) return [path];
  const [, stem = '', , count = '', ending = ''] = split;
  return Array.from(
    { length: Number(count) },
    (_, index) => `${stem}${String(index + 1).padStart(5, '0')}-of-${count}${ending}`,
  );
}

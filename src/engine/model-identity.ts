import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const headBytes = 2 ** 20;
const sampleBytes = 4096;

/** Distance of the samples: smaller than any matrix whose change could matter. More than so many are not taken. */
const leastStride = 512 * 1024;
const mostSamples = 32_768;

/**
 * A hash that tells model files apart without reading all of them: of each file its length, its beginning, where the
 * metadata are, and 4 KiB out of every 512 KiB (more in files above 16 GiB). Whoever changes a matrix changes samples. It
 * reads a hundredth of the file, and the same pages that a load reads. A file that was copied or moved has the same.
 * @param path the first file, of a split model
 */
export function modelIdentity(path: string): string {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(headBytes);
  for (const file of filesOf(path)) {
    const descriptor = openSync(file, 'r');
    try {
      const { size } = fstatSync(descriptor);
      hash.update(`${size};`);
      hash.update(buffer.subarray(0, readSync(descriptor, buffer, 0, headBytes, 0)));
      const stride = Math.max(leastStride, Math.ceil(size / mostSamples));
      for (let position = headBytes; position < size; position += stride)
        hash.update(buffer.subarray(0, readSync(descriptor, buffer, 0, sampleBytes, position)));
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

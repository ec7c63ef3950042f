import fs from 'node:fs';
import path from 'node:path';

import { fixtureTokenizer } from './fixture-tokenizer.js';
import { fixtureFile, writeOnce } from './fixtures.js';
import { encodeHeader } from './gguf-format.js';
import { writeGguf, type GgufFile } from './gguf-writer.js';

/** Writes a text file with the extension of a model, and returns its path. */
export function writeNotGguf(directory: string): string {
  fs.mkdirSync(directory, { recursive: true });
  const target = path.join(directory, 'not-gguf.gguf');
  fs.writeFileSync(target, 'This is a text about models, not a model.\n'.repeat(100));
  return target;
}

/** Writes the llama fixture with its header complete and the second half of its data missing; returns the path. */
export function writeTruncatedFixture(directory: string): string {
  const file = fixtureFile('llama');
  const { bytes, fileSize } = encodeHeader(file.metadata, file.tensors);
  return writeCut(path.join(directory, 'truncated.gguf'), file, Math.floor((bytes.length + fileSize) / 2));
}

/** Writes the llama fixture cut off in the middle of its metadata, and returns the path. */
export function writeTruncatedHeader(directory: string): string {
  const file = fixtureFile('llama');
  const { bytes } = encodeHeader(file.metadata, []);
  return writeCut(path.join(directory, 'truncated-header.gguf'), file, Math.floor(bytes.length / 2));
}

function writeCut(target: string, file: GgufFile, size: number): string {
  fs.mkdirSync(path.dirname(target), { recursive: true });
  writeGguf(target, file);
  fs.truncateSync(target, size);
  return target;
}

/** Writes a well-formed GGUF file of an architecture that nothing supports, and returns the path. */
export function writeUnknownArchitecture(directory: string): string {
  const architecture = 'warp-drive';
  const whole = fixtureFile('llama');
  const metadata = whole.metadata
    .filter(([key]) => !key.startsWith('tokenizer.') && key !== 'general.architecture')
    .map(([key, value]) => [key.replace(/^llama\./, `${architecture}.`), value] as const);
  return writeOnce(path.join(directory, `${architecture}.gguf`), {
    metadata: [
      ['general.architecture', { type: 'string', value: architecture }],
      ...metadata,
      ...fixtureTokenizer().metadata,
    ],
    tensors: whole.tensors.slice(0, 3),
  });
}

/** Writes the llama fixture whose last layer lacks a matrix, which is seen only after most of it was found; returns the path. */
export function writeMissingTensor(directory: string): string {
  const { metadata, tensors } = fixtureFile('llama');
  const missing = tensors.findLastIndex(({ name }) => name.startsWith('blk.'));
  const rest = tensors.filter((_, index) => index !== missing);
  return writeOnce(path.join(directory, 'missing-tensor.gguf'), { metadata, tensors: rest });
}

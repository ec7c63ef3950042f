import { closeSync, copyFileSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TemporaryFolder } from '../testing/blocks.js';
import { modelIdentity } from './model-identity.js';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Bytes without pattern, the same for the same seed. */
function bytesOf(length: number, seed: number): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let index = 0; index < words.length; index++)
    words[index] = state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Buffer.from(words.buffer, 0, length);
}

/** Overwrites some bytes of a file with others. */
function change(path: string, position: number, length = 1): void {
  const file = openSync(path, 'r+');
  try {
    writeSync(file, bytesOf(length, 99), 0, length, position);
  } finally {
    closeSync(file);
  }
}

/** The identities of a file before and after something happens to it. */
function around(size: number, act: (path: string) => void): [string, string] {
  using folder = new TemporaryFolder();
  const path = join(folder.path, 'model.gguf');
  writeFileSync(path, bytesOf(size, 1));
  const before = modelIdentity(path);
  act(path);
  return [before, modelIdentity(path)];
}

describe('the identity of a model', () => {
  test('is a hash, and that of every copy, wherever it is and whatever its name', () => {
    using folder = new TemporaryFolder();
    const [path, copy, moved] = ['a.gguf', 'b.gguf', 'c.gguf'].map((name) => join(folder.path, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(path, bytesOf(3 * mebibyte, 1));
    const identity = modelIdentity(path);
    expect(identity).toMatch(/^[0-9a-f]{64}$/);
    copyFileSync(path, copy);
    expect(modelIdentity(copy)).toBe(identity);
    renameSync(copy, moved);
    expect(modelIdentity(moved)).toBe(identity);
  });

  test.each([0, 1, 4095, mebibyte - 1])(
    'is another one when a byte of the metadata is, at %d',
    (position) => {
      const [before, after] = around(5 * mebibyte, (path) => change(path, position));
      expect(after).not.toBe(before);
    },
  );

  test.each([1, 1.25, 2.6, 4.4, 7.5])(
    'is another one when a matrix is that begins %d MiB from the start',
    (at) => {
      const position = Math.floor(at * mebibyte);
      const [before, after] = around(8.1 * mebibyte, (path) => change(path, position, 516 * kibibyte));
      expect(after).not.toBe(before);
    },
  );

  test('is another one when it is longer or shorter', () => {
    for (const size of [10, 2 * mebibyte, 3 * mebibyte + 7]) {
      const [before, after] = around(size, (path) => writeFileSync(path, bytesOf(size + 1, 1)));
      expect(after).not.toBe(before);
    }
  });

  test('of a file that is smaller than what is read first is that of all its bytes', () => {
    for (const position of [0, 500, 999]) {
      const [before, after] = around(1000, (path) => change(path, position));
      expect(after).not.toBe(before);
    }
  });

  test('of a split model is that of all its files, and there is none when one is missing', () => {
    using folder = new TemporaryFolder();
    const parts = [1, 2, 3].map((part) => join(folder.path, `model-0000${part}-of-00003.gguf`));
    for (const [index, path] of parts.entries()) writeFileSync(path, bytesOf(2 * mebibyte, index));
    const [first = '', , last = ''] = parts;
    const identity = modelIdentity(first);
    expect(modelIdentity(first)).toBe(identity);
    change(last, 100);
    expect(modelIdentity(first)).not.toBe(identity);
    rmSync(last);
    expect(() => modelIdentity(first)).toThrow('ENOENT');
  });
});

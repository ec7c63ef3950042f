import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { gguf } from '@huggingface/gguf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  writeNotGguf,
  writeTruncatedFixture,
  writeTruncatedHeader,
  writeUnknownArchitecture,
} from './broken-files.js';
import { fixtureNames, writeBenchmarkModel, writeFixture, writeSplitFixture } from './fixtures.js';

let directory = '';

beforeAll(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'heddle-fixtures-'));
});

afterAll(() => {
  fs.rmSync(directory, { recursive: true });
});

function digest(file: string): string {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}

describe.each(fixtureNames)('the %s fixture', (name) => {
  it('is a GGUF file of that architecture, well under 4 MB', async () => {
    const file = writeFixture(name, directory);
    const { metadata } = await gguf(file, { allowLocalFile: true });
    expect(metadata).toMatchObject({
      'general.architecture': name,
      [`${name}.context_length`]: 4096,
      'tokenizer.ggml.model': 'gpt2',
    });
    expect(fs.statSync(file).size).toBeLessThan(3_000_000);
  });

  it('has the same bytes every time', () => {
    const again = writeFixture(name, path.join(directory, 'again'));
    expect(digest(again)).toBe(digest(writeFixture(name, directory)));
  });
});

describe('fixtures', () => {
  it('are written once', () => {
    const file = writeFixture('llama', directory);
    const before = fs.statSync(file).mtimeMs;
    expect(writeFixture('llama', directory)).toBe(file);
    expect(fs.statSync(file).mtimeMs).toBe(before);
  });

  it('have a file of their own for every variant', () => {
    const files = [
      writeFixture('llama', directory),
      writeFixture('llama', directory, { seed: 9 }),
      writeFixture('llama', directory, { matrixType: 'F16' }),
      writeFixture('llama', directory, { matrixType: 'Q8_0' }),
      writeFixture('llama', directory, { contextLength: 512 }),
    ];
    expect(new Set(files.map(digest)).size).toBe(5);
  });

  it('come in parts that hold every tensor once', async () => {
    const first = writeSplitFixture(directory, 3);
    expect(path.basename(first)).toBe('llama-00001-of-00003.gguf');
    const whole = await gguf(writeFixture('llama', directory), { allowLocalFile: true });
    const parts = await Promise.all(
      [1, 2, 3].map(async (part) => gguf(first.replace('00001', `0000${part}`), { allowLocalFile: true })),
    );
    const names = parts.flatMap(({ tensorInfos }) => tensorInfos.map((tensor) => tensor.name));
    expect(names).toEqual(whole.tensorInfos.map((tensor) => tensor.name));
    for (const [part, { metadata }] of parts.entries()) {
      expect(metadata).toMatchObject({
        'split.no': part,
        'split.count': 3,
        'split.tensors.count': names.length,
      });
    }
  });

  it('come in the shape of a real model for measurements', async () => {
    const file = writeBenchmarkModel(directory, { layers: 1, vocabularySize: 600 });
    const { tensorInfos } = await gguf(file, { allowLocalFile: true });
    const shapes = Object.fromEntries(tensorInfos.map(({ name, shape }) => [name, shape.map(Number)]));
    expect(shapes).toMatchObject({
      'token_embd.weight': [1024, 600],
      'blk.0.attn_q.weight': [1024, 2048],
      'blk.0.attn_k.weight': [1024, 1024],
      'blk.0.ffn_down.weight': [3072, 1024],
    });
  });
});

describe('broken files', () => {
  it('are broken in the way they are named for', async () => {
    const read = async (file: string): ReturnType<typeof gguf> => gguf(file, { allowLocalFile: true });
    await expect(read(writeNotGguf(directory))).rejects.toThrow('not a valid gguf file');

    const whole = fs.readFileSync(writeFixture('llama', directory));
    const { tensorDataOffset } = await read(writeFixture('llama', directory));
    const withoutTable = fs.readFileSync(writeTruncatedHeader(directory));
    const withoutData = fs.readFileSync(writeTruncatedFixture(directory));
    expect(withoutTable.equals(whole.subarray(0, withoutTable.length))).toBe(true);
    expect(withoutData.equals(whole.subarray(0, withoutData.length))).toBe(true);
    expect(withoutTable.length).toBeLessThan(Number(tensorDataOffset));
    expect(withoutData.length).toBeGreaterThan(Number(tensorDataOffset));
    expect(withoutData.length).toBeLessThan(whole.length);

    const { metadata } = await read(writeUnknownArchitecture(directory));
    expect(metadata).toMatchObject({ 'general.architecture': 'warp-drive', 'warp-drive.block_count': 4 });
  });
});

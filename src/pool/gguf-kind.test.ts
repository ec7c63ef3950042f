import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '../core/logger.js';
import { writeEncoderFixture, writePooledFixture } from '../testing/gguf/embedding-fixtures.js';
import { writeFixture, writeSplitFixture } from '../testing/gguf/fixtures.js';
import type { GgufMetadata } from '../testing/gguf/gguf-format.js';
import { writeGguf } from '../testing/gguf/gguf-writer.js';
import {
  writeCausalRerankerFixture,
  writeEncoderRerankerFixture,
} from '../testing/gguf/reranker-fixtures.js';
import { ggufKind } from './gguf-kind.js';
import { ModelCatalogue } from './model-catalogue.js';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-kinds-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, metadata: GgufMetadata): string {
  const path = join(folder, `${name}.gguf`);
  writeGguf(path, { metadata, tensors: [] });
  return path;
}

const qwen3 = ['general.architecture', { type: 'string', value: 'qwen3' }] as const;
const pooling = (value: number, architecture = 'qwen3') =>
  [`${architecture}.pooling_type`, { type: 'uint32', value }] as const;

describe('the kind of a model file', () => {
  test('is what the library says of it, too', async () => {
    expect(await ggufKind(writeFixture('llama', folder))).toBe('generation');
    expect(await ggufKind(writeSplitFixture(folder, 3))).toBe('generation');
    expect(await ggufKind(writeEncoderFixture(folder, 'first'))).toBe('embedding');
    expect(await ggufKind(writePooledFixture('qwen3', folder, 'last'))).toBe('embedding');
    expect(await ggufKind(writeEncoderRerankerFixture(folder))).toBe('reranking');
    expect(await ggufKind(writeCausalRerankerFixture(folder))).toBe('reranking');
  });

  test('is found behind and before a vocabulary larger than what is read at once', async () => {
    const tokens = Array.from({ length: 60_000 }, (_, index) => 'x'.repeat(index % 23));
    const vocabulary: GgufMetadata = [
      ['tokenizer.ggml.tokens', { type: 'string[]', value: tokens }],
      ['tokenizer.ggml.scores', { type: 'float32[]', value: tokens.map(() => 0.5) }],
    ];
    expect(await ggufKind(write('behind', [qwen3, ...vocabulary, pooling(4)]))).toBe('reranking');
    expect(await ggufKind(write('before', [pooling(3), qwen3, ...vocabulary]))).toBe('embedding');
    expect(await ggufKind(write('without', [qwen3, ...vocabulary]))).toBe('generation');
  });

  test('is not what the file says of another architecture', async () => {
    expect(await ggufKind(write('other', [qwen3, pooling(4, 'bert')]))).toBe('generation');
    const causal = ['bert.attention.causal', { type: 'bool', value: false }] as const;
    expect(await ggufKind(write('also-other', [qwen3, causal]))).toBe('generation');
  });

  test('can not be told of a file that is cut short, is none, or is not there', async () => {
    const name = ['general.name', { type: 'string', value: 'x'.repeat(500) }] as const;
    const cut = write('cut', [qwen3, name, pooling(4)]);
    truncateSync(cut, 300);
    const text = join(folder, 'text.gguf');
    writeFileSync(text, 'fake:?causal=false\n');
    const empty = join(folder, 'empty.gguf');
    writeFileSync(empty, '');
    const bad = join(folder, 'bad.gguf');
    // A key of 2^60 bytes.
    writeFileSync(
      bad,
      Buffer.concat([Buffer.from('GGUF\x03\0\0\0'), Buffer.alloc(8), words(1n), words(2n ** 60n)]),
    );
    for (const path of [cut, text, empty, bad, join(folder, 'nowhere.gguf'), folder])
      expect(await ggufKind(path)).toBeUndefined();
  });
});

function words(...values: readonly bigint[]): Buffer {
  return Buffer.concat(
    values.map((value) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(value);
      return bytes;
    }),
  );
}

test('a catalogue reads a file once, and again when it has changed', async () => {
  const models = join(folder, 'models');
  const path = writePooledFixture('qwen3', models, 'mean');
  const catalogue = new ModelCatalogue([models], silentLogger);
  const [file] = await catalogue.scan();
  if (file === undefined) throw new Error('there is no model');
  expect(await catalogue.kindOf(file)).toBe('embedding');
  writeFileSync(path, 'something else');
  expect(await catalogue.kindOf(file)).toBe('embedding');
  const [changed] = await catalogue.scan();
  expect(changed && (await catalogue.kindOf(changed))).toBeUndefined();
});

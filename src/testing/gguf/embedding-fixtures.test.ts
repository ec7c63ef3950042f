import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gguf } from '@huggingface/gguf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  poolingTypes,
  writeEncoderFixture,
  writePooledFixture,
  type PoolingType,
} from './embedding-fixtures.js';

let directory = '';

beforeAll(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'heddle-embedding-fixtures-'));
});

afterAll(() => {
  fs.rmSync(directory, { recursive: true });
});

describe.each(Object.keys(poolingTypes) as PoolingType[])('fixtures with %s pooling', (pooling) => {
  it('say so in their files', async () => {
    const value = poolingTypes[pooling];
    const encoder = await gguf(writeEncoderFixture(directory, pooling), { allowLocalFile: true });
    expect(encoder.metadata).toMatchObject({
      'general.architecture': 'bert',
      'bert.attention.causal': false,
      'bert.pooling_type': value,
    });
    const causal = await gguf(writePooledFixture('qwen3', directory, pooling), { allowLocalFile: true });
    expect(causal.metadata).toMatchObject({ 'general.architecture': 'qwen3', 'qwen3.pooling_type': value });
  });
});

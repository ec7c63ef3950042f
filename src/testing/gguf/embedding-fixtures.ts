import path from 'node:path';
import { bertModel } from './architectures/bert.js';
import { fixtureFile, writeOnce, type FixtureName } from './fixtures.js';
import { fixtureTokenizer } from './fixture-tokenizer.js';
import type { GgufFile } from './gguf-writer.js';

/** llama_pooling_type of llama.h, as a model file has it. */
export const poolingTypes = { mean: 1, first: 2, last: 3, rank: 4 } as const;

export type PoolingType = keyof typeof poolingTypes;

/** Writes a fixture whose file asks for a pooling, unless it is there already, and returns the path. */
export function writePooledFixture(name: FixtureName, directory: string, pooling: PoolingType): string {
  return writeOnce(
    path.join(directory, `${name}-${pooling}.gguf`),
    withPooling(fixtureFile(name), name, pooling),
  );
}

/** Writes a BERT model of at most 512 tokens, unless it is there already, and returns the path. */
export function writeEncoderFixture(directory: string, pooling: PoolingType): string {
  const file = bertModel({
    name: `fixture-bert-${pooling}`,
    tokenizer: fixtureTokenizer(),
    seed: 2,
    matrixType: 'F32',
    contextLength: 512,
  });
  return writeOnce(path.join(directory, `bert-${pooling}.gguf`), withPooling(file, 'bert', pooling));
}

function withPooling(file: GgufFile, architecture: string, pooling: PoolingType): GgufFile {
  const value = poolingTypes[pooling];
  return {
    ...file,
    metadata: [...file.metadata, [`${architecture}.pooling_type`, { type: 'uint32', value }]],
  };
}

import fs from 'node:fs';
import path from 'node:path';

import { falconH1Benchmark, falconH1Model, tinyFalconH1 } from './architectures/falcon-h1.js';
import { gemma3Model, tinyGemma3 } from './architectures/gemma3.js';
import { llamaModel, tinyLlama } from './architectures/llama.js';
import { mamba2Model, tinyMamba2 } from './architectures/mamba2.js';
import type { ModelOptions } from './architectures/model-options.js';
import { qwen3Benchmark, qwen3Model, tinyQwen3 } from './architectures/qwen3.js';
import { qwen3MoeModel, tinyQwen3Moe } from './architectures/qwen3moe.js';
import { fixtureTokenizer } from './fixture-tokenizer.js';
import type { GgufTensorType } from './gguf-format.js';
import { isWritten, writeGguf, type GgufFile } from './gguf-writer.js';

const makers = {
  /** Dense, attention only. */
  llama: (options: ModelOptions) => llamaModel(tinyLlama, options),
  /** Dense, with normalised queries and keys and a tied embedding. */
  qwen3: (options: ModelOptions) => qwen3Model(tinyQwen3, options),
  /** Mixture of experts: 4, of which a token uses 2. */
  qwen3moe: (options: ModelOptions) => qwen3MoeModel(tinyQwen3Moe, options),
  /** Recurrent only. */
  mamba2: (options: ModelOptions) => mamba2Model(tinyMamba2, options),
  /** Attention and recurrent state in every layer. */
  'falcon-h1': (options: ModelOptions) => falconH1Model(tinyFalconH1, options),
  /** Half of the layers see a sliding window of 64 tokens. */
  gemma3: (options: ModelOptions) => gemma3Model(tinyGemma3, options),
} as const satisfies Record<string, (options: ModelOptions) => GgufFile>;

/** A fixture's name is its GGUF architecture. */
export type FixtureName = keyof typeof makers;

export const fixtureNames: readonly FixtureName[] = [
  'llama',
  'qwen3',
  'qwen3moe',
  'mamba2',
  'falcon-h1',
  'gemma3',
];

/** Variants of a fixture. Each has a file name of its own. */
export interface FixtureOptions {
  /** Another seed is another model of the same shape. Default 2. */
  readonly seed?: number;
  /** The type of the matrices. Default F32, with which batching changes the logits least. */
  readonly matrixType?: GgufTensorType;
  /** Tokens; default 4096. */
  readonly contextLength?: number;
}

const defaults = { seed: 2, matrixType: 'F32', contextLength: 4096 } as const;

/** File name without extension: the fixture's name and what differs from the defaults. */
function fixtureStem(name: string, options: FixtureOptions): string {
  const { seed = defaults.seed, matrixType = defaults.matrixType, contextLength } = options;
  const parts = [name];
  if (seed !== defaults.seed) parts.push(`seed${seed}`);
  if (matrixType !== defaults.matrixType) parts.push(matrixType.toLowerCase());
  if (contextLength !== undefined && contextLength !== defaults.contextLength)
    parts.push(`ctx${contextLength}`);
  return parts.join('-');
}

/** A fixture's content, not yet written. */
export function fixtureFile(name: FixtureName, options: FixtureOptions = {}): GgufFile {
  return makers[name]({
    name: `fixture-${fixtureStem(name, options)}`,
    tokenizer: fixtureTokenizer(),
    ...defaults,
    ...options,
  });
}

/**
 * Writes a fixture model of a few megabytes to `<directory>/<name>[-variant].gguf`, unless it is there already, and
 * returns the path. The bytes depend on the arguments alone.
 */
export function writeFixture(name: FixtureName, directory: string, options: FixtureOptions = {}): string {
  return writeOnce(path.join(directory, `${fixtureStem(name, options)}.gguf`), fixtureFile(name, options));
}

/**
 * Writes the llama fixture in `parts` files, `llama-00001-of-0000N.gguf` and so on, and returns the first one's path,
 * from which llama.cpp loads all.
 */
export function writeSplitFixture(directory: string, parts: number): string {
  const whole = fixtureFile('llama');
  const partPath = (part: number): string =>
    path.join(directory, `llama-${digits(part + 1)}-of-${digits(parts)}.gguf`);
  for (let part = 0; part < parts; part++) {
    const from = Math.floor((part * whole.tensors.length) / parts);
    const to = Math.floor(((part + 1) * whole.tensors.length) / parts);
    writeOnce(partPath(part), {
      metadata: [
        ...(part === 0 ? whole.metadata : whole.metadata.slice(0, 1)),
        ['split.no', { type: 'uint16', value: part }],
        ['split.count', { type: 'uint16', value: parts }],
        ['split.tensors.count', { type: 'int32', value: whole.tensors.length }],
      ],
      tensors: whole.tensors.slice(from, to),
    });
  }
  return partPath(0);
}

/** A part number as file names have it. */
function digits(value: number): string {
  return String(value).padStart(5, '0');
}

/** A model big enough to measure speed with. */
export interface BenchmarkOptions {
  readonly matrixType?: GgufTensorType;
  /** Layers; default 28. */
  readonly layers?: number;
  /** Tokens in the vocabulary; default 151,936. */
  readonly vocabularySize?: number;
  /** Tokens; default 40,960. */
  readonly contextLength?: number;
}

/** Writes a model of Qwen3-0.6B's shape with random weights, unless it is there already: 640 MB by default. */
export function writeBenchmarkModel(directory: string, options: BenchmarkOptions = {}): string {
  const { matrixType = 'Q8_0', layers = 28, vocabularySize = 151_936, contextLength = 40_960 } = options;
  const name = `qwen3-${layers}x1024-v${vocabularySize}-c${contextLength}-${matrixType.toLowerCase()}`;
  const file = qwen3Model(
    { ...qwen3Benchmark, layers },
    { name, tokenizer: fixtureTokenizer(vocabularySize), seed: 1, matrixType, contextLength },
  );
  return writeOnce(path.join(directory, `${name}.gguf`), file);
}

/** Writes a hybrid model of Falcon-H1's shape with random weights, unless it is there already: 350 MB by default. */
export function writeHybridBenchmarkModel(
  directory: string,
  { layers = 24 }: { layers?: number } = {},
): string {
  const options = { matrixType: 'Q8_0', contextLength: 16_384, seed: 1 } as const;
  const name = `falcon-h1-${layers}x1024-v32000-q8_0`;
  const shape = { ...falconH1Benchmark, layers };
  const file = falconH1Model(shape, { name, tokenizer: fixtureTokenizer(32_000), ...options });
  return writeOnce(path.join(directory, `${name}.gguf`), file);
}

/** Writes a file unless it is there already, makes its directory, and returns the path. */
export function writeOnce(target: string, file: GgufFile): string {
  fs.mkdirSync(path.dirname(target), { recursive: true });
  if (!isWritten(target, file)) writeGguf(target, file);
  return target;
}

import type { FixtureTokenizer } from '../fixture-tokenizer.js';
import type { GgufMetadata, GgufTensorType } from '../gguf-format.js';

/** What every architecture needs besides its shape. */
export interface ModelOptions {
  /** `general.name`. */
  readonly name: string;
  readonly tokenizer: FixtureTokenizer;
  /** Start of the random weights. */
  readonly seed: number;
  /** The type of all matrices; vectors are F32 always. */
  readonly matrixType: GgufTensorType;
  /** `context_length`, in tokens. */
  readonly contextLength: number;
}

const fileTypes = { F32: 0, F16: 1, Q8_0: 7 } as const;

/** The metadata that all architectures share. The version changes whenever the bytes of a fixture do. */
export function generalMetadata(architecture: string, options: ModelOptions): GgufMetadata {
  return [
    ['general.architecture', { type: 'string', value: architecture }],
    ['general.type', { type: 'string', value: 'model' }],
    ['general.name', { type: 'string', value: options.name }],
    ['general.version', { type: 'string', value: '1' }],
    ['general.description', { type: 'string', value: 'Random weights, for tests' }],
    ['general.file_type', { type: 'uint32', value: fileTypes[options.matrixType] }],
    ['general.quantization_version', { type: 'uint32', value: 2 }],
    [`${architecture}.context_length`, { type: 'uint32', value: options.contextLength }],
    [`${architecture}.vocab_size`, { type: 'uint32', value: options.tokenizer.tokens.length }],
    ...options.tokenizer.metadata,
  ];
}

/** Whole numbers of one architecture: its hyper-parameters, keys without the architecture's prefix. */
export function countMetadata(architecture: string, counts: Readonly<Record<string, number>>): GgufMetadata {
  return Object.entries(counts).map(
    ([key, value]) => [`${architecture}.${key}`, { type: 'uint32', value }] as const,
  );
}

/** Real numbers of one architecture, keys without its prefix. */
export function realMetadata(architecture: string, reals: Readonly<Record<string, number>>): GgufMetadata {
  return Object.entries(reals).map(
    ([key, value]) => [`${architecture}.${key}`, { type: 'float32', value }] as const,
  );
}

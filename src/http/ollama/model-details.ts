import { createHash } from 'node:crypto';
import type { GgufMetadata } from '../../pool/gguf-metadata.js';
import type { ModelFile } from '../../pool/model-catalogue.js';

/** `llama_ftype` of llama.h: how most tensors of a file are quantized. */
const fileTypes: Readonly<Record<number, string>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  7: 'Q8_0',
  8: 'Q5_0',
  9: 'Q5_1',
  10: 'Q2_K',
  11: 'Q3_K_S',
  12: 'Q3_K_M',
  13: 'Q3_K_L',
  14: 'Q4_K_S',
  15: 'Q4_K_M',
  16: 'Q5_K_S',
  17: 'Q5_K_M',
  18: 'Q6_K',
  19: 'IQ2_XXS',
  20: 'IQ2_XS',
  21: 'Q2_K_S',
  22: 'IQ3_XS',
  23: 'IQ3_XXS',
  24: 'IQ1_S',
  25: 'IQ4_NL',
  26: 'IQ3_S',
  27: 'IQ3_M',
  28: 'IQ2_S',
  29: 'IQ2_M',
  30: 'IQ4_XS',
  31: 'IQ1_M',
  32: 'BF16',
  36: 'TQ1_0',
  37: 'TQ2_0',
  38: 'MXFP4_MOE',
};

/** What a file says of its model, as the Ollama API has it; what can not be told is empty, or `unknown`. */
export function modelDetails(metadata: GgufMetadata | undefined): object {
  const family = textAt(metadata, 'general.architecture');
  const fileType = metadata?.values['general.file_type'];
  return {
    parent_model: '',
    format: 'gguf',
    family,
    families: family === '' ? [] : [family],
    parameter_size: parameterSize(metadata),
    quantization_level: (typeof fileType === 'number' ? fileTypes[fileType] : undefined) ?? 'unknown',
  };
}

/**
 * Names a file by where it is, how long it is and when it was changed. Ollama's is the SHA-256 of a manifest; to hash the
 * whole of every model for it would take minutes.
 * @returns 64 hexadecimal digits
 */
export function modelDigest({ path, bytes, modified }: ModelFile): string {
  return createHash('sha256').update(`${path}\n${bytes}\n${modified}`).digest('hex');
}

/** A text of the metadata; empty where there is none. */
export function textAt(metadata: GgufMetadata | undefined, key: string): string {
  const value = metadata?.values[key];
  return typeof value === 'string' ? value : '';
}

/** Such as `7.6B`: of a split model what its file calls itself, since the first part does not have all of them. */
function parameterSize(metadata: GgufMetadata | undefined): string {
  if (metadata === undefined) return '';
  const parts = metadata.values['split.count'];
  if (typeof parts === 'number' && parts > 1) return textAt(metadata, 'general.size_label');
  const { parameters } = metadata;
  if (parameters >= 1e9) return `${(parameters / 1e9).toFixed(1)}B`;
  return parameters >= 1e6 ? `${(parameters / 1e6).toFixed(2)}M` : `${(parameters / 1e3).toFixed(2)}K`;
}

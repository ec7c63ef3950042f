import type { GgufFile } from '../gguf-writer.js';
import { tinyAttention } from './attention.js';
import { denseModel, type DenseShape } from './llama.js';
import type { ModelOptions } from './model-options.js';

/** 2.2 MB in F32. */
export const tinyQwen3: DenseShape = {
  width: 128,
  layers: 4,
  attention: tinyAttention,
  feedForward: 192,
  feedForwardGain: 3,
  tied: true,
};

/** The shape of Qwen3-0.6B: 640 MB in Q8_0 with its vocabulary of 151,936 tokens. */
export const qwen3Benchmark: DenseShape = {
  width: 1024,
  layers: 28,
  attention: { heads: 16, kvHeads: 8, headLength: 128, ropeBase: 1_000_000, sharpness: 3, gain: 1 },
  feedForward: 3072,
  feedForwardGain: 1,
  tied: true,
};

/** A Qwen3 model. */
export function qwen3Model(shape: DenseShape, options: ModelOptions): GgufFile {
  return denseModel('qwen3', shape, options);
}

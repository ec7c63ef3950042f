import type { GgufFile } from '../gguf-writer.js';
import type { AttentionShape } from './attention-shape.js';
import { addAttention, attentionMetadata, tinyAttention } from './attention.js';
import { addFeedForward } from './feed-forward.js';
import { countMetadata, generalMetadata, realMetadata, type ModelOptions } from './model-options.js';
import { Weights } from './weights.js';

/** A dense transformer. */
export interface DenseShape {
  readonly width: number;
  readonly layers: number;
  readonly attention: AttentionShape;
  /** Width of the feed-forward network's hidden layer. */
  readonly feedForward: number;
  /** Deviation of the feed-forward network's outputs. */
  readonly feedForwardGain: number;
  /** The embedding is the output matrix as well. */
  readonly tied: boolean;
}

/** 2.5 MB in F32. */
export const tinyLlama: DenseShape = {
  width: 128,
  layers: 4,
  attention: tinyAttention,
  feedForward: 192,
  feedForwardGain: 1,
  tied: false,
};

/** A Llama model. */
export function llamaModel(shape: DenseShape, options: ModelOptions): GgufFile {
  return denseModel('llama', shape, options);
}

/** The part that Llama and Qwen3 share; Qwen3 normalises queries and keys. */
export function denseModel(
  architecture: 'llama' | 'qwen3',
  shape: DenseShape,
  options: ModelOptions,
): GgufFile {
  const { width, layers, attention, feedForward, feedForwardGain, tied } = shape;
  const weights = new Weights(options.seed, options.matrixType);
  if (tied) {
    weights.tiedEmbedding(width, options.tokenizer);
  } else {
    weights.embedding(width, options.tokenizer.tokens.length, 1);
    weights.output(width, options.tokenizer);
  }
  weights.constant('output_norm.weight', width);
  for (let layer = 0; layer < layers; layer++) {
    addAttention(
      weights,
      layer,
      width,
      attention,
      architecture === 'qwen3' ? 'halves' : 'neighbours',
      architecture === 'qwen3',
    );
    addFeedForward(weights, layer, width, feedForward, feedForwardGain);
  }
  return {
    metadata: [
      ...generalMetadata(architecture, options),
      ...countMetadata(architecture, {
        embedding_length: width,
        block_count: layers,
        feed_forward_length: feedForward,
      }),
      ...attentionMetadata(architecture, attention),
      ...realMetadata(architecture, { 'attention.layer_norm_rms_epsilon': 1e-10 }),
    ],
    tensors: weights.tensors,
  };
}

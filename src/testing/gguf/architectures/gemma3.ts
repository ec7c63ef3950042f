import type { GgufFile } from '../gguf-writer.js';
import type { AttentionShape } from './attention-shape.js';
import { addAttention, attentionMetadata, tinyAttention } from './attention.js';
import { addFeedForward } from './feed-forward.js';
import { countMetadata, generalMetadata, realMetadata, type ModelOptions } from './model-options.js';
import { Weights } from './weights.js';

/** A transformer in which most layers see a sliding window only. */
export interface Gemma3Shape {
  readonly width: number;
  readonly layers: number;
  readonly attention: AttentionShape;
  readonly feedForward: number;
  /** Tokens that a windowed layer sees. */
  readonly window: number;
  /** Every so many layers there is one that sees everything. */
  readonly windowPeriod: number;
}

export const tinyGemma3: Gemma3Shape = {
  width: 128,
  layers: 4,
  attention: {
    ...tinyAttention,
    gain: 0.005, // here a share of the layer's normalised output
    lookBack: { 0: [1, 2, 4, 'all'], 1: [16, 70, 128, 256] },
  },
  feedForward: 192,
  window: 64,
  windowPeriod: 2,
};

/** A Gemma 3 model. */
export function gemma3Model(shape: Gemma3Shape, options: ModelOptions): GgufFile {
  const { width, layers, attention, feedForward, window, windowPeriod } = shape;
  const architecture = 'gemma3';
  const weights = new Weights(options.seed, options.matrixType);
  weights.embedding(width, options.tokenizer.tokens.length, 1 / Math.sqrt(width)); // Gemma scales it up again
  weights.output(width, options.tokenizer);
  weights.constant('output_norm.weight', width);
  for (let layer = 0; layer < layers; layer++) {
    addAttention(weights, layer, width, attention, 'halves', true);
    weights.constant(
      `blk.${layer}.post_attention_norm.weight`,
      width,
      attention.lookBack?.[layer] ? 1 : attention.gain,
    );
    addFeedForward(weights, layer, width, feedForward, 1);
    weights.constant(`blk.${layer}.post_ffw_norm.weight`, width);
  }
  return {
    metadata: [
      ...generalMetadata(architecture, options),
      ...countMetadata(architecture, {
        embedding_length: width,
        block_count: layers,
        feed_forward_length: feedForward,
        'attention.sliding_window': window,
        'attention.sliding_window_pattern': windowPeriod,
      }),
      ...attentionMetadata(architecture, attention),
      ...realMetadata(architecture, { 'attention.layer_norm_rms_epsilon': 1e-10 }),
    ],
    tensors: weights.tensors,
  };
}

import type { GgufFile } from '../gguf-writer.js';
import type { AttentionShape } from './attention-shape.js';
import { addAttention, attentionMetadata, tinyAttention } from './attention.js';
import { addFeedForward } from './feed-forward.js';
import { countMetadata, generalMetadata, realMetadata, type ModelOptions } from './model-options.js';
import { addStateSpace, stateSpaceMetadata, type StateSpaceShape } from './state-space.js';
import { Weights } from './weights.js';

/** A hybrid: every layer has attention and a recurrent mixer side by side. */
export interface FalconH1Shape {
  readonly width: number;
  readonly layers: number;
  readonly attention: AttentionShape;
  readonly mixer: StateSpaceShape;
  readonly feedForward: number;
}

export const tinyFalconH1: FalconH1Shape = {
  width: 96,
  layers: 3,
  attention: tinyAttention,
  mixer: { inner: 192, heads: 6, stateLength: 32, kernel: 4, gain: 1 },
  feedForward: 192,
};

/** Of Falcon-H1-0.5B's shape, with two thirds of its layers: 300 million parameters, and a state of 19 MiB. */
export const falconH1Benchmark: FalconH1Shape = {
  width: 1024,
  layers: 24,
  attention: { heads: 8, kvHeads: 2, headLength: 64, ropeBase: 1_000_000, sharpness: 3, gain: 1 },
  mixer: { inner: 1536, heads: 24, stateLength: 128, kernel: 4, gain: 1 },
  feedForward: 2048,
};

/** A Falcon-H1 model. */
export function falconH1Model(shape: FalconH1Shape, options: ModelOptions): GgufFile {
  const { width, layers, attention, mixer, feedForward } = shape;
  const architecture = 'falcon-h1';
  const weights = new Weights(options.seed, options.matrixType);
  weights.embedding(width, options.tokenizer.tokens.length, 1);
  weights.output(width, options.tokenizer);
  weights.constant('output_norm.weight', width);
  for (let layer = 0; layer < layers; layer++) {
    addAttention(weights, layer, width, attention, 'halves', false);
    addStateSpace(weights, layer, width, mixer);
    addFeedForward(weights, layer, width, feedForward, 1, 'ffn_norm'); // llama.cpp wants no suffix here
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
      ...stateSpaceMetadata(architecture, mixer),
      ...realMetadata(architecture, { 'attention.layer_norm_rms_epsilon': 1e-10 }),
    ],
    tensors: weights.tensors,
  };
}

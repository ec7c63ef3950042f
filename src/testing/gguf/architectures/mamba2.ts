import type { GgufFile } from '../gguf-writer.js';
import { countMetadata, generalMetadata, realMetadata, type ModelOptions } from './model-options.js';
import { addStateSpace, stateSpaceMetadata, type StateSpaceShape } from './state-space.js';
import { Weights } from './weights.js';

/** A purely recurrent model. */
export interface Mamba2Shape {
  readonly width: number;
  readonly layers: number;
  readonly mixer: StateSpaceShape;
}

export const tinyMamba2: Mamba2Shape = {
  width: 128,
  layers: 4,
  mixer: { inner: 256, heads: 8, stateLength: 32, kernel: 4, gain: 1 },
};

/** A Mamba-2 model. */
export function mamba2Model(shape: Mamba2Shape, options: ModelOptions): GgufFile {
  const { width, layers, mixer } = shape;
  const architecture = 'mamba2';
  const weights = new Weights(options.seed, options.matrixType);
  weights.embedding(width, options.tokenizer.tokens.length, 1);
  weights.output(width, options.tokenizer);
  weights.constant('output_norm.weight', width);
  for (let layer = 0; layer < layers; layer++) {
    weights.constant(`blk.${layer}.attn_norm.weight`, width);
    addStateSpace(weights, layer, width, mixer);
  }
  return {
    metadata: [
      ...generalMetadata(architecture, options),
      ...countMetadata(architecture, {
        embedding_length: width,
        block_count: layers,
        feed_forward_length: 0,
        'attention.head_count': 0,
      }),
      ...stateSpaceMetadata(architecture, mixer),
      ...realMetadata(architecture, { 'attention.layer_norm_rms_epsilon': 1e-10 }),
    ],
    tensors: weights.tensors,
  };
}

import type { GgufFile } from '../gguf-writer.js';
import type { AttentionShape } from './attention-shape.js';
import { addAttention, attentionMetadata, tinyAttention } from './attention.js';
import { addExperts } from './feed-forward.js';
import { countMetadata, generalMetadata, realMetadata, type ModelOptions } from './model-options.js';
import { Weights } from './weights.js';

/** A transformer whose feed-forward networks are mixtures of experts. */
export interface ExpertsShape {
  readonly width: number;
  readonly layers: number;
  readonly attention: AttentionShape;
  readonly experts: number;
  /** Experts that a token is sent to. */
  readonly expertsUsed: number;
  /** Width of one expert's hidden layer. */
  readonly expertFeedForward: number;
}

export const tinyQwen3Moe: ExpertsShape = {
  width: 96,
  layers: 3,
  attention: tinyAttention,
  experts: 4,
  expertsUsed: 2,
  expertFeedForward: 96,
};

/** A Qwen3 mixture-of-experts model. */
export function qwen3MoeModel(shape: ExpertsShape, options: ModelOptions): GgufFile {
  const { width, layers, attention, experts, expertsUsed, expertFeedForward } = shape;
  const architecture = 'qwen3moe';
  const weights = new Weights(options.seed, options.matrixType);
  weights.embedding(width, options.tokenizer.tokens.length, 1);
  weights.output(width, options.tokenizer);
  weights.constant('output_norm.weight', width);
  for (let layer = 0; layer < layers; layer++) {
    addAttention(weights, layer, width, attention, 'halves', true);
    addExperts(weights, layer, width, expertFeedForward, experts, Math.SQRT2);
  }
  return {
    metadata: [
      ...generalMetadata(architecture, options),
      ...countMetadata(architecture, {
        embedding_length: width,
        block_count: layers,
        feed_forward_length: expertsUsed * expertFeedForward,
        expert_feed_forward_length: expertFeedForward,
        expert_count: experts,
        expert_used_count: expertsUsed,
      }),
      ...attentionMetadata(architecture, attention),
      ...realMetadata(architecture, { 'attention.layer_norm_rms_epsilon': 1e-10 }),
    ],
    tensors: weights.tensors,
  };
}

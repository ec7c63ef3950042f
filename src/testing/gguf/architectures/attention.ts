import type { GgufMetadata } from '../gguf-format.js';
import type { AttentionShape } from './attention-shape.js';
import { addLookBack, type RopePairs } from './look-back.js';
import { countMetadata, realMetadata } from './model-options.js';
import type { Weights } from './weights.js';

/**
 * Attention of the tiny fixtures. The first layer carries the context exactly; the other layers' share of the text is
 * small, since it is what rounding can reach, but large enough that wrong positions or cells show soon.
 */
export const tinyAttention: AttentionShape = {
  heads: 4,
  kvHeads: 2,
  headLength: 32,
  ropeBase: 10_000,
  sharpness: 3,
  gain: 0.01,
  lookBack: { 0: [1, 2, 4, 'all'] },
};

export function attentionMetadata(architecture: string, shape: AttentionShape): GgufMetadata {
  return [
    ...countMetadata(architecture, {
      'attention.head_count': shape.heads,
      'attention.head_count_kv': shape.kvHeads,
      'attention.key_length': shape.headLength,
      'attention.value_length': shape.headLength,
      'rope.dimension_count': shape.headLength,
    }),
    ...realMetadata(architecture, { 'rope.freq_base': shape.ropeBase }),
  ];
}

/**
 * The tensors of one layer's attention and the norm before it.
 * @param pairs how the architecture's RoPE pairs up elements
 * @param normalised the architecture normalises queries and keys per head (Qwen3, Gemma 3)
 */
export function addAttention(
  weights: Weights,
  layer: number,
  width: number,
  shape: AttentionShape,
  pairs: RopePairs,
  normalised: boolean,
): void {
  const prefix = `blk.${layer}.attn_`;
  weights.constant(`${prefix}norm.weight`, width);
  const lookBack = shape.lookBack?.[layer];
  if (lookBack !== undefined) {
    addLookBack(weights, layer, width, shape, lookBack, pairs, normalised);
    return;
  }
  const queryLength = shape.heads * shape.headLength;
  const kvLength = shape.kvHeads * shape.headLength;
  const scoreGain = Math.sqrt(shape.sharpness);
  weights.matrix(`${prefix}q.weight`, width, queryLength, normalised ? 1 : scoreGain);
  weights.matrix(`${prefix}k.weight`, width, kvLength, normalised ? 1 : scoreGain);
  weights.matrix(`${prefix}v.weight`, width, kvLength);
  weights.projection(`${prefix}output.weight`, queryLength, width, shape.gain);
  if (normalised) {
    weights.constant(`${prefix}q_norm.weight`, shape.headLength, scoreGain);
    weights.constant(`${prefix}k_norm.weight`, shape.headLength, scoreGain);
  }
}

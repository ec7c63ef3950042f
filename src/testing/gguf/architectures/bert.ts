import type { GgufFile } from '../gguf-writer.js';
import { countMetadata, generalMetadata, realMetadata, type ModelOptions } from './model-options.js';
import { Weights } from './weights.js';

/** Width, layers, heads and feed-forward width of a tiny encoder: 1.7 MB in F32. */
const [width, layers, heads, hidden] = [128, 2, 4, 256];

/** A BERT model: every token sees all others, positions are learned, and there is no output matrix. */
export function bertModel(options: ModelOptions): GgufFile {
  const { tokenizer, contextLength } = options;
  const weights = new Weights(options.seed, options.matrixType);
  const norm = (name: string): void => {
    weights.constant(`${name}.weight`, width);
    weights.constant(`${name}.bias`, width, 0);
  };
  weights.embedding(width, tokenizer.tokens.length, 1);
  weights.normal('position_embd.weight', [width, contextLength], 1);
  weights.normal('token_types.weight', [width, 2], 0.1);
  norm('token_embd_norm');
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `blk.${layer}.`;
    for (const name of ['attn_q', 'attn_k', 'attn_v', 'attn_output']) {
      weights.matrix(`${prefix}${name}.weight`, width, width);
      weights.constant(`${prefix}${name}.bias`, width, 0);
    }
    norm(`${prefix}attn_output_norm`);
    weights.matrix(`${prefix}ffn_up.weight`, width, hidden);
    weights.constant(`${prefix}ffn_up.bias`, hidden, 0);
    weights.matrix(`${prefix}ffn_down.weight`, hidden, width);
    weights.constant(`${prefix}ffn_down.bias`, width, 0);
    norm(`${prefix}layer_output_norm`);
  }
  return {
    metadata: [
      ...generalMetadata('bert', options),
      ['tokenizer.ggml.token_type_count', { type: 'uint32', value: 2 }],
      ['bert.attention.causal', { type: 'bool', value: false }],
      ...countMetadata('bert', {
        embedding_length: width,
        block_count: layers,
        feed_forward_length: hidden,
        'attention.head_count': heads,
      }),
      ...realMetadata('bert', { 'attention.layer_norm_epsilon': 1e-10 }),
    ],
    tensors: weights.tensors,
  };
}

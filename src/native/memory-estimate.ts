import type { LlamaBindings } from './llama-bindings.js';
import type { LlamaContextParams, Pointer } from './llama-structs.js';

/** Bytes of a 16-bit and a 32-bit number. */
const [half, full] = [2, 4];

/** How many times wider the feed-forward network of a layer is than the model, at most, in usual models. */
const widest = 4;

/**
 * Sizes of a plain transformer's KV cache and compute buffers, from its dimensions: for a library whose own account of
 * memory can not be read. The cache is exact where all layers attend alike; sliding windows and recurrent layers take
 * less of it. Compute buffers are an upper bound.
 */
export function estimateContext(
  bindings: LlamaBindings,
  model: Pointer,
  architecture: string,
  { n_ctx, n_ubatch, n_outputs_max }: LlamaContextParams,
): { cacheBytes: number; computeBytes: number } {
  const width = bindings.llama_model_n_embd(model);
  const heads = Math.max(1, bindings.llama_model_n_head(model));
  const headLength = (name: string): number =>
    metadataNumber(bindings, model, `${architecture}.attention.${name}_length`) ?? width / heads;
  const rowLength = (headLength('key') + headLength('value')) * bindings.llama_model_n_head_kv(model);
  const vocabulary = bindings.llama_vocab_n_tokens(bindings.llama_model_get_vocab(model));
  const rows = Math.min(n_ctx, n_ubatch);
  // Residual, normalised, queries and attention outputs; gate, up and their product; the attention mask.
  const perRow =
    (4 * Math.max(width, heads * headLength('key')) + 3 * widest * width) * full + n_ctx * (full + half);
  return {
    cacheBytes: n_ctx * bindings.llama_model_n_layer(model) * rowLength * half,
    computeBytes: rows * perRow + Math.min(rows, n_outputs_max) * vocabulary * full,
  };
}

function metadataNumber(bindings: LlamaBindings, model: Pointer, key: string): number | undefined {
  const buffer = new Uint8Array(64);
  const length = bindings.llama_model_meta_val_str(model, key, buffer, buffer.length);
  const value = length > 0 ? Number(new TextDecoder().decode(buffer.subarray(0, length))) : NaN;
  return Number.isFinite(value) ? value : undefined;
}

import type { EmbeddingInfo, Pooling } from '../core/embedding.js';
import { kindOf, poolingTypes, type ModelKind } from '../core/model-kind.js';
import type { LlamaBindings } from './llama-bindings.js';
import type { Pointer } from './llama-structs.js';

const poolings: Readonly<Record<number, Pooling>> = {
  [poolingTypes.mean]: 'mean',
  [poolingTypes.first]: 'first',
  [poolingTypes.last]: 'last',
};

/** A value of the model file's metadata as text; undefined when it has none, or one of 512 bytes or more. */
export function metadataText(bindings: LlamaBindings, model: Pointer, key: string): string | undefined {
  const buffer = new Uint8Array(512);
  const length = bindings.llama_model_meta_val_str(model, key, buffer, buffer.length);
  if (length < 0 || length >= buffer.length) return undefined;
  return new TextDecoder().decode(buffer.subarray(0, length));
}

export function architectureOf(bindings: LlamaBindings, model: Pointer): string {
  return metadataText(bindings, model, 'general.architecture') ?? '';
}

/** A token of the model sees only those before it; encoders' files say that theirs see all. */
export function isCausal(bindings: LlamaBindings, model: Pointer): boolean {
  return metadataText(bindings, model, `${architectureOf(bindings, model)}.attention.causal`) !== 'false';
}

/** What the model's file says that it is for. */
export function modelKind(bindings: LlamaBindings, model: Pointer): ModelKind {
  return kindOf({ pooling: poolingAsked(bindings, model), causal: isCausal(bindings, model) });
}

/** What embeddings the model makes; undefined for a reranker, whose output is a rank. */
export function embeddingInfo(bindings: LlamaBindings, model: Pointer): EmbeddingInfo | undefined {
  const asked = poolingAsked(bindings, model) ?? poolingTypes.none;
  if (asked === poolingTypes.rank) return undefined;
  return { size: bindings.llama_model_n_embd_out(model), pooling: poolings[asked] ?? 'mean' };
}

function poolingAsked(bindings: LlamaBindings, model: Pointer): number | undefined {
  const text = metadataText(bindings, model, `${architectureOf(bindings, model)}.pooling_type`);
  return text === undefined ? undefined : Number(text);
}

/** What a model is for: it generates text, embeds inputs, or tells how relevant documents are to a query. */
export type ModelKind = 'generation' | 'embedding' | 'reranking';

/** Values of `<architecture>.pooling_type` in a model's file: llama_pooling_type of llama.h. */
export const poolingTypes = { none: 0, mean: 1, first: 2, last: 3, rank: 4 } as const;

/**
 * What a model's file says that it is for. A file that asks for no pooling is of a model that generates, unless it is an
 * encoder, which can only embed.
 * @param pooling `<architecture>.pooling_type`; undefined where the file has none
 * @param causal not `<architecture>.attention.causal = false`
 */
export function kindOf({ pooling, causal }: { pooling: number | undefined; causal: boolean }): ModelKind {
  if (pooling === poolingTypes.rank) return 'reranking';
  const pools = pooling !== undefined && pooling !== poolingTypes.none;
  return pools || !causal ? 'embedding' : 'generation';
}

/** How models of a kind are called in messages, and what they do. */
export const kindTexts: Readonly<Record<ModelKind, { readonly name: string; readonly does: string }>> = {
  generation: { name: 'a model that generates text', does: 'generate text' },
  embedding: { name: 'an embedding model', does: 'make embeddings' },
  reranking: { name: 'a reranker', does: 'rerank documents' },
};

/**
 * The first numbers of an embedding, scaled to length 1 again: what models are trained for whose embeddings may be
 * shortened (Kusupati et al., Matryoshka Representation Learning, 2022).
 * @param dimensions how many; all when undefined
 */
export function shortened(embedding: Float32Array, dimensions: number | undefined): Float32Array {
  if (dimensions === undefined || dimensions >= embedding.length) return embedding;
  const first = embedding.slice(0, dimensions);
  const length = Math.hypot(...first);
  return length > 0 ? first.map((value) => value / length) : first;
}

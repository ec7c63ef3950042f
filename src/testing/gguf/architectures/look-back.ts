import type { AttentionShape, LookBack } from './attention-shape.js';
import type { Weights } from './weights.js';

/** Order in which RoPE pairs up a head's elements: neighbours (Llama), or the first half with the second. */
export type RopePairs = 'neighbours' | 'halves';

/** RoPE frequencies used, from the highest down; the lower ones hardly tell positions apart. */
const frequencies = 10;

/** Score of the wanted position per frequency. Its neighbours score 20 less, all others 60 or more. */
const peak = 30;

/** The mean over many tokens is small: gain that makes it count. */
const meanGain = 8;

/**
 * The projections of such a layer. Channel 0 of the residual stream is above zero for every token: queries and keys are
 * made from it alone, and RoPE makes their scores a function of distance. In the first layer values are the channels
 * from 1 on, as they are.
 *
 * In later layers channel 0 varies with the rest, so these need an architecture that normalises queries and keys.
 */
export function addLookBack(
  weights: Weights,
  layer: number,
  width: number,
  shape: AttentionShape,
  lookBack: readonly LookBack[],
  pairs: RopePairs,
  normalised: boolean,
): void {
  const { heads, kvHeads, headLength, ropeBase } = shape;
  const kvLength = kvHeads * headLength;
  if (lookBack.length !== heads) throw new RangeError(`${lookBack.length} look-backs for ${heads} heads`);
  if (kvLength >= width) throw new RangeError('the values do not fit into the embedding');
  if (layer > 0 && !normalised)
    throw new RangeError('look-back in a later layer needs normalised queries and keys');
  const strength = Math.sqrt(peak * Math.sqrt(headLength));
  // A normalised head has a mean square of 1; what it has in `frequencies` pairs is scaled by the norm's weight.
  const amplitude = normalised ? Math.sqrt(headLength / frequencies) : strength;

  /** Element of a vector that looks `distance` back once RoPE has turned it. */
  const element = (index: number, distance: number): number => {
    const half = headLength / 2;
    const pair = pairs === 'neighbours' ? index >> 1 : index % half;
    const second = pairs === 'neighbours' ? index % 2 === 1 : index >= half;
    if (pair >= frequencies) return 0;
    const angle = -distance * ropeBase ** (-pair / half);
    return amplitude * (second ? Math.sin(angle) : Math.cos(angle));
  };

  const prefix = `blk.${layer}.attn_`;
  weights.computed(`${prefix}q.weight`, width, heads * headLength, (row, column) => {
    const distance = lookBack[Math.floor(row / headLength)];
    return column !== 0 || distance === undefined || distance === 'all'
      ? 0
      : element(row % headLength, distance);
  });
  weights.computed(`${prefix}k.weight`, width, kvLength, (row, column) =>
    column === 0 ? element(row % headLength, 0) : 0,
  );
  if (layer === 0) {
    weights.computed(`${prefix}v.weight`, width, kvLength, (row, column) => (column === row + 1 ? 1 : 0));
  } else {
    weights.matrix(`${prefix}v.weight`, width, kvLength);
  }
  weights.computed(`${prefix}output.weight`, heads * headLength, width, (row, column, random) => {
    const gain = lookBack[Math.floor(column / headLength)] === 'all' ? meanGain : 1;
    return row === 0 ? 0 : (random.normal() * gain) / Math.sqrt(heads * headLength);
  });
  if (normalised) {
    weights.constant(`${prefix}q_norm.weight`, headLength, strength / amplitude);
    weights.constant(`${prefix}k_norm.weight`, headLength, strength / amplitude);
  }
}

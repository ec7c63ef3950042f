import { countMetadata } from './model-options.js';
import type { GgufMetadata } from '../gguf-format.js';
import type { Weights } from './weights.js';

/** A Mamba-2 mixer with one group. */
export interface StateSpaceShape {
  /** Width inside the mixer: heads times their length. */
  readonly inner: number;
  readonly heads: number;
  /** State values per inner element. */
  readonly stateLength: number;
  /** Tokens that the short convolution sees. */
  readonly kernel: number;
  /** Deviation of the mixer's outputs. */
  readonly gain: number;
}

export function stateSpaceMetadata(architecture: string, shape: StateSpaceShape): GgufMetadata {
  return countMetadata(architecture, {
    'ssm.conv_kernel': shape.kernel,
    'ssm.inner_size': shape.inner,
    'ssm.state_size': shape.stateLength,
    'ssm.time_step_rank': shape.heads,
    'ssm.group_count': 1,
  });
}

/**
 * The tensors of one layer's mixer. A token's time step is softplus(-2 + noise), about 0.13; the heads' decay rates are
 * spread so that they remember from some 4 to some 400 tokens.
 */
export function addStateSpace(weights: Weights, layer: number, width: number, shape: StateSpaceShape): void {
  const { inner, heads, stateLength, kernel, gain } = shape;
  const convolved = inner + 2 * stateLength;
  const decays = Array.from({ length: heads }, (_, head) => -2 * 0.01 ** (head / Math.max(1, heads - 1)));
  const prefix = `blk.${layer}.ssm_`;
  weights.matrix(`${prefix}in.weight`, width, inner + convolved + heads);
  weights.normal(`${prefix}conv1d.weight`, [kernel, convolved], 1 / Math.sqrt(kernel));
  weights.constant(`${prefix}conv1d.bias`, convolved, 0);
  weights.constant(`${prefix}dt.bias`, heads, -2);
  weights.values(`${prefix}a`, [1, heads], decays);
  weights.values(`${prefix}d`, [1, heads], Array<number>(heads).fill(1));
  weights.values(`${prefix}norm.weight`, [inner, 1], Array<number>(inner).fill(1));
  weights.projection(`${prefix}out.weight`, inner, width, gain);
}

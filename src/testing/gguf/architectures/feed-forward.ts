import type { Weights } from './weights.js';

/** Deviation of `silu(gate) * up` for gate and up of deviation 1; a gain of its inverse brings outputs back to 1. */
const gatedDeviation = 0.6;

/**
 * The tensors of one layer's gated feed-forward network, whose outputs have deviation `gain`.
 * @param norm the name of the norm before it, where an architecture departs from the usual one
 */
export function addFeedForward(
  weights: Weights,
  layer: number,
  width: number,
  hidden: number,
  gain: number,
  norm = 'ffn_norm.weight',
): void {
  const prefix = `blk.${layer}.ffn_`;
  weights.constant(`blk.${layer}.${norm}`, width);
  weights.matrix(`${prefix}gate.weight`, width, hidden);
  weights.matrix(`${prefix}up.weight`, width, hidden);
  weights.projection(`${prefix}down.weight`, hidden, width, gain / gatedDeviation);
}

/** The same as a mixture of experts with a router. */
export function addExperts(
  weights: Weights,
  layer: number,
  width: number,
  hidden: number,
  experts: number,
  gain: number,
): void {
  const prefix = `blk.${layer}.ffn_`;
  weights.constant(`${prefix}norm.weight`, width);
  weights.normal(`${prefix}gate_inp.weight`, [width, experts], 1 / Math.sqrt(width));
  weights.matrix(`${prefix}gate_exps.weight`, width, hidden, 1, experts);
  weights.matrix(`${prefix}up_exps.weight`, width, hidden, 1, experts);
  weights.matrix(`${prefix}down_exps.weight`, hidden, width, gain / gatedDeviation, experts);
}

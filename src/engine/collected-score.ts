import { HeddleError } from '../core/errors.js';
import type { LikelihoodRun, LikelihoodsUpdate, TokenLikelihood } from '../core/likelihood.js';
import type { Score, ScoreUpdate } from '../core/scoring.js';

/**
 * The score that the updates of a score request come to. A text whose sequence lost its cells is scored again from its
 * beginning: what came later holds.
 * @throws HeddleError `internal_error` when there is none
 */
export function collectedScore(updates: readonly (ScoreUpdate | LikelihoodsUpdate)[]): Score {
  const last = updates.at(-1);
  if (last?.kind !== 'score')
    throw new HeddleError('internal_error', 'A score request ended without a score.');
  if (last.likelihoods === undefined) return last.score;
  const likelihoods: TokenLikelihood[] = [];
  for (const update of updates) {
    const run: LikelihoodRun | undefined = update.kind === 'score' ? update.likelihoods : update;
    for (const [index, token] of (run?.tokens ?? []).entries()) likelihoods[(run?.from ?? 0) + index] = token;
  }
  return { ...last.score, likelihoods };
}

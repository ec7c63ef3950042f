import type { Prompt, Token } from './generation.js';
import type { LikelihoodRun, LikelihoodWish, TokenLikelihood } from './likelihood.js';
import type { Standing } from './standing.js';

/** One client request for the probability of a text: what crosses the boundary to the engine. */
export interface ScoreRequest extends Partial<Standing> {
  /** Unique among the requests of the engine. */
  readonly id: string;
  /** What comes before; at least one token. */
  readonly prompt: Prompt;
  /**
   * What is scored; at least one token. It is tokenized by itself, so that no token is partly prompt: a text that
   * continues a word has other tokens here than in one text with its prompt.
   */
  readonly continuation: Prompt;
  /** Absent: of each token its own log-probability only. */
  readonly likelihoods?: LikelihoodWish;
}

/** How likely a continuation is. */
export interface Score {
  readonly promptTokens: number;
  /** The continuation, tokenized. */
  readonly tokens: readonly Token[];
  /** Of each token, given all that precedes it: the natural logarithm of its probability before any sampling. */
  readonly logProbabilities: readonly number[];
  /** The sum of these: the natural logarithm of the continuation's probability. */
  readonly sum: number;
  /** Of each token of the continuation; present where the request asked for them. */
  readonly likelihoods?: readonly TokenLikelihood[];
}

/** A score request is done. */
export interface ScoreUpdate {
  readonly kind: 'score';
  readonly requestId: string;
  readonly score: Omit<Score, 'likelihoods'>;
  /** The last ones; those before came in updates of their own. */
  readonly likelihoods?: LikelihoodRun;
}

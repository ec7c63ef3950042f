import type { Token } from './token.js';

/** So many of the most likely tokens can be asked for at each place of a text, at most. */
export const mostLikelyTokens = 20;

/** A stop string may have so many characters where likelihoods are asked for: they wait with the text that it holds back. */
export const longestStopWithLikelihoods = 1024;

/** What a request wants to know of each token of a text. */
export interface LikelihoodWish {
  /** How many of the most likely tokens at its place, 0 to {@link mostLikelyTokens}. */
  readonly top: number;
}

/** A token and what it stands for. */
export interface SpelledToken {
  readonly token: Token;
  /** Its text: not always whole UTF-8 characters, and empty for control tokens. */
  readonly bytes: Uint8Array;
  /** How the vocabulary writes a token without bytes; absent for all others. */
  readonly name?: string;
}

/** A token, and how likely the model found it at some place. */
export interface LikelyToken extends SpelledToken {
  /**
   * The natural logarithm of its probability by the model's own distribution: before temperature, penalties, biases and
   * all else that sampling does. -Infinity where the model rules the token out.
   */
  readonly logProbability: number;
}

/** A token of a text, with what the model would rather have said. */
export interface TokenLikelihood extends LikelyToken {
  /** The most likely tokens at its place, the likeliest first; the token itself may be among them. */
  readonly top: readonly LikelyToken[];
}

/** Likelihoods of consecutive tokens of a continuation that is scored. */
export interface LikelihoodRun {
  /** Index of the first one in the continuation. */
  readonly from: number;
  readonly tokens: readonly TokenLikelihood[];
}

/** Some more tokens of a continuation were scored: one of these a step, so that no message is as long as a text. */
export interface LikelihoodsUpdate extends LikelihoodRun {
  readonly kind: 'likelihoods';
  readonly requestId: string;
}

import type { LikelyToken, TokenLikelihood } from '../../core/likelihood.js';
import { finiteLogProbability, tokenText } from './token-text.js';

/** `logprobs` of a choice of a chat completion: of all that was generated for it, or since the last chunk. */
export function chatLogProbabilities(tokens: readonly TokenLikelihood[]): object {
  return {
    content: tokens.map((token) => ({ ...describe(token), top_logprobs: token.top.map(describe) })),
    refusal: null,
  };
}

function describe(token: LikelyToken): object {
  return {
    token: tokenText(token),
    logprob: finiteLogProbability(token.logProbability),
    bytes: token.bytes.length === 0 ? null : Array.from(token.bytes),
  };
}

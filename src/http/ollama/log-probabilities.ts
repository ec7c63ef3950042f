import type { LikelyToken, TokenLikelihood } from '../../core/likelihood.js';
import { finiteLogProbability, tokenText } from '../openai/token-text.js';

/** The field `logprobs` of a line or an answer; nothing where there are no tokens. */
export function logProbabilitiesField(tokens: readonly TokenLikelihood[]): object {
  if (tokens.length === 0) return {};
  return {
    logprobs: tokens.map((token) => ({
      ...describe(token),
      ...(token.top.length === 0 ? {} : { top_logprobs: token.top.map(describe) }),
    })),
  };
}

/** Tokens without bytes, control tokens, have none here either. */
function describe(token: LikelyToken): object {
  return {
    token: tokenText(token),
    logprob: finiteLogProbability(token.logProbability),
    ...(token.bytes.length === 0 ? {} : { bytes: Array.from(token.bytes) }),
  };
}

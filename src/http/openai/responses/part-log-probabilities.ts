import type { LikelyToken, TokenLikelihood } from '../../../core/likelihood.js';
import { finiteLogProbability, tokenText } from '../token-text.js';

/** A token in the `logprobs` of an event. */
interface EventToken {
  readonly token: string;
  readonly logprob: number;
}

/** A token in the `logprobs` of a part. */
interface PartToken extends EventToken {
  readonly bytes: readonly number[];
}

type WithTop<Told> = Told & { readonly top_logprobs: readonly Told[] };

export type PartLogProbability = WithTop<PartToken>;

/** `logprobs` of a part of the type `output_text`. */
export function partLogProbabilities(tokens: readonly TokenLikelihood[]): PartLogProbability[] {
  return tokens.map((token) => ({ ...partToken(token), top_logprobs: token.top.map(partToken) }));
}

/** `logprobs` of an event of such a part: without the bytes. */
export function eventLogProbabilities(tokens: readonly TokenLikelihood[]): WithTop<EventToken>[] {
  return tokens.map((token) => ({ ...eventToken(token), top_logprobs: token.top.map(eventToken) }));
}

function eventToken(token: LikelyToken): EventToken {
  return { token: tokenText(token), logprob: finiteLogProbability(token.logProbability) };
}

/** The bytes of a control token are those that it is written with. */
function partToken(token: LikelyToken): PartToken {
  const { bytes, name } = token;
  return { ...eventToken(token), bytes: [...(name === undefined ? bytes : Buffer.from(name))] };
}

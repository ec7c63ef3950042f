import { HeddleError } from '../../../core/errors.js';
import type { LikelihoodWish } from '../../../core/likelihood.js';
import type { ResponsesBody } from './responses-schema.js';

/** What `include` has where log-probabilities are to be told. */
export const logProbabilities = 'message.output_text.logprobs';

/**
 * What the request wants to know of each token.
 * @throws HeddleError `invalid_parameter` when it wants the most likely tokens without the log-probabilities
 */
export function toLikelihoods({
  include,
  top_logprobs: top,
}: Pick<ResponsesBody, 'include' | 'top_logprobs'>): {
  likelihoods?: LikelihoodWish;
} {
  if (include.includes(logProbabilities)) return { likelihoods: { top } };
  if (top === 0) return {};
  throw new HeddleError(
    'invalid_parameter',
    `"top_logprobs": it goes with "include": ["${logProbabilities}"]`,
    {
      param: 'top_logprobs',
    },
  );
}

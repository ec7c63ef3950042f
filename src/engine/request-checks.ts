import { HeddleError } from '../core/errors.js';
import type { GenerateRequest } from '../core/generation.js';
import { longestStopWithLikelihoods, mostLikelyTokens, type LikelihoodWish } from '../core/likelihood.js';

/**
 * Whether an engine can serve a request, before anything is done for it.
 * @param slots sequences that it works on at once
 * @throws HeddleError `invalid_parameter`
 */
export function checkRequest(request: GenerateRequest, slots: number): void {
  checkCounts(request, slots);
  checkWish(request.likelihoods);
  checkStops(request);
  checkReasoning(request);
}

function checkCounts({ choices, stop: { maxTokens = 1 } }: GenerateRequest, slots: number): void {
  if (!Number.isInteger(choices) || choices < 1 || !Number.isInteger(maxTokens) || maxTokens < 1) {
    throw new HeddleError(
      'invalid_parameter',
      'A request must have at least one choice of at least one token, in whole numbers.',
    );
  }
  if (choices > slots) {
    throw new HeddleError(
      'invalid_parameter',
      `A request can have ${slots} choices at most: as many as this model works on at once. Ask for fewer, or serve the model with a larger --parallel.`,
      { param: 'n' },
    );
  }
}

/** @throws HeddleError `invalid_parameter` */
export function checkWish(wish: LikelihoodWish | undefined): void {
  if (wish === undefined || (Number.isInteger(wish.top) && wish.top >= 0 && wish.top <= mostLikelyTokens))
    return;
  throw new HeddleError(
    'invalid_parameter',
    `A request can ask for 0 to ${mostLikelyTokens} of the most likely tokens, not ${wish.top}.`,
  );
}

/** What a stop string holds back is one message once it is let go. */
function checkStops({ likelihoods, stop: { stopStrings } }: GenerateRequest): void {
  if (likelihoods === undefined || stopStrings.every((one) => one.length <= longestStopWithLikelihoods))
    return;
  throw new HeddleError(
    'invalid_parameter',
    `With log-probabilities, a stop string has ${longestStopWithLikelihoods} characters at most.`,
    { param: 'stop' },
  );
}

function checkReasoning({ reasoningLimit: limit }: GenerateRequest): void {
  if (limit === undefined) return;
  const { tokens, open, close, closing } = limit;
  if (Number.isInteger(tokens) && tokens >= 0 && open !== '' && close !== '' && closing.includes(close))
    return;
  throw new HeddleError(
    'invalid_parameter',
    'Reasoning can be limited to a whole number of tokens, and what ends it must be among what is written to end it.',
  );
}

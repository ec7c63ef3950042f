import type { Token } from '../core/generation.js';
import type { LikelihoodWish, SpelledToken, TokenLikelihood } from '../core/likelihood.js';
import type { ModelRunner } from '../core/model-runner.js';

/** A token with what it stands for. @throws HeddleError `invalid_parameter` when the model has no such token */
export function spell(runner: ModelRunner, token: Token): SpelledToken {
  const bytes = runner.tokenBytes(token);
  return bytes.length > 0 ? { token, bytes } : { token, bytes, name: runner.controlText(token) };
}

/**
 * How likely a token was, by the logits of output `row` of the last decode.
 * @throws HeddleError as `ModelRunner.logProbability`
 */
export function likelihoodOf(
  runner: ModelRunner,
  { row, token, wish }: { row: number; token: Token; wish: LikelihoodWish },
): TokenLikelihood {
  const top = wish.top === 0 ? [] : runner.topLogProbabilities(row, wish.top);
  const found = top.find((one) => one.token === token);
  return {
    ...spell(runner, token),
    logProbability: found?.logProbability ?? runner.logProbability(row, token),
    top: top.map((one) => ({ ...spell(runner, one.token), logProbability: one.logProbability })),
  };
}

interface Held {
  readonly likelihood: TokenLikelihood;
  readonly begin: number;
  readonly hasText: boolean;
}

/** Likelihoods of tokens whose text is not out yet: it may be cut away, and they with it. */
export class HeldLikelihoods {
  readonly #held: Held[] = [];

  /**
   * @param text.begin where its text begins in that of its choice, or in a character that others began; UTF-16 units
   * @param text.hasText whether it has any
   */
  add(likelihood: TokenLikelihood, text: { begin: number; hasText: boolean }): void {
    this.#held.push({ likelihood, ...text });
  }

  /**
   * Those of the tokens of which some text is out now, in order; a token without text is out when all before it is.
   * @param released how much text of the choice is out, UTF-16 units
   */
  take(released: number): TokenLikelihood[] {
    const isOut = ({ begin, hasText }: Held): boolean => (hasText ? begin < released : begin <= released);
    const kept = this.#held.findIndex((one) => !isOut(one));
    const taken = this.#held.splice(0, kept < 0 ? this.#held.length : kept);
    return taken.map(({ likelihood }) => likelihood);
  }
}

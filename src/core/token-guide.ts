import type { Token } from './generation.js';

/** Says which tokens may come next in a text. */
export interface TokenGuide {
  allows(token: Token): boolean;

  /**
   * Where nearly all tokens may come: how often it is worth drawing again from all but those that were refused, before
   * {@link allowed} is asked.
   */
  readonly redraws: number;

  /**
   * All that may come next, at least one: token t where bit t % 32 of word t / 32 is set. To be read only, and until the next
   * token.
   * @throws HeddleError `unsupported_by_model` when there is none; `invalid_parameter` when it takes too long to find out
   */
  allowed(): Uint32Array;
}

import { firstOutput, type BatchSpan } from '../core/batch.js';
import type { Token } from '../core/generation.js';
import type { ModelRunner } from '../core/model-runner.js';
import type { LikelihoodsUpdate, LikelihoodWish, TokenLikelihood } from '../core/likelihood.js';
import type { ScoreRequest, ScoreUpdate } from '../core/scoring.js';
import { createSequence, type Sequence } from '../core/sequence.js';
import { standingOf } from '../core/standing.js';
import { likelihoodOf } from './likelihoods.js';
import type { Measurement } from './work.js';

/**
 * A score request while the engine works on it. The row of a token tells the probabilities of the next one: results are
 * wanted from the prompt's last row on, and the continuation's last token is never computed.
 */
export class ScoringWork implements Measurement {
  readonly requestId: string;
  readonly lane: number;
  readonly index = 0;
  readonly sequence: Sequence;
  readonly #promptLength: number;
  readonly #continuation: readonly Token[];
  readonly #logProbabilities: number[] = [];
  readonly #wish: LikelihoodWish | undefined;

  constructor(
    request: ScoreRequest,
    parts: { lane: number; sequenceId: number; prompt: readonly Token[]; continuation: readonly Token[] },
  ) {
    const { prompt, continuation } = parts;
    this.requestId = request.id;
    this.lane = parts.lane;
    this.#wish = request.likelihoods;
    this.#promptLength = prompt.length;
    this.#continuation = continuation;
    const computed = [...prompt, ...continuation.slice(0, -1)];
    const from = prompt.length - 1;
    const results = { from, embeds: false };
    this.sequence = createSequence(parts.sequenceId, computed, { results, standing: standingOf(request) });
  }

  read(span: BatchSpan, firstRow: number, runner: ModelRunner): ScoreUpdate | LikelihoodsUpdate | undefined {
    const { requestId } = this;
    const first = firstOutput(span);
    const tokens: TokenLikelihood[] = [];
    for (let index = first; index < span.tokens.length; index++) {
      const scored = this.#scoredAt(span.start + index);
      const [row, token] = [firstRow + index, this.#continuation[scored] ?? -1];
      if (this.#wish !== undefined) tokens.push(likelihoodOf(runner, { row, token, wish: this.#wish }));
      this.#logProbabilities[scored] = tokens.at(-1)?.logProbability ?? runner.logProbability(row, token);
    }
    const likelihoods = { from: this.#scoredAt(span.start + first), tokens };
    if (!span.output)
      return tokens.length === 0 ? undefined : { kind: 'likelihoods', requestId, ...likelihoods };
    return {
      kind: 'score',
      requestId,
      ...(this.#wish === undefined ? {} : { likelihoods }),
      score: {
        promptTokens: this.#promptLength,
        tokens: this.#continuation,
        logProbabilities: this.#logProbabilities,
        sum: this.#logProbabilities.reduce((sum, value) => sum + value, 0),
      },
    };
  }

  /** Index in the continuation of the token that the row at a position tells the probability of. */
  #scoredAt(position: number): number {
    return position + 1 - this.#promptLength;
  }

  dispose(): void {}
}

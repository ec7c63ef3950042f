import { firstOutput, type BatchSpan } from '../core/batch.js';
import type { Token } from '../core/generation.js';
import type { ModelRunner } from '../core/model-runner.js';
import type { ScoreRequest, ScoreUpdate } from '../core/scoring.js';
import { createSequence, type Sequence } from '../core/sequence.js';
import { standingOf } from '../core/standing.js';
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

  constructor(
    request: ScoreRequest,
    parts: { lane: number; sequenceId: number; prompt: readonly Token[]; continuation: readonly Token[] },
  ) {
    const { prompt, continuation } = parts;
    this.requestId = request.id;
    this.lane = parts.lane;
    this.#promptLength = prompt.length;
    this.#continuation = continuation;
    const computed = [...prompt, ...continuation.slice(0, -1)];
    const from = prompt.length - 1;
    const results = { from, embeds: false };
    this.sequence = createSequence(parts.sequenceId, computed, { results, standing: standingOf(request) });
  }

  read(span: BatchSpan, firstRow: number, runner: ModelRunner): ScoreUpdate | undefined {
    for (let index = firstOutput(span); index < span.tokens.length; index++) {
      const scored = span.start + index + 1 - this.#promptLength;
      const token = this.#continuation[scored] ?? -1;
      this.#logProbabilities[scored] = runner.logProbability(firstRow + index, token);
    }
    if (!span.output) return undefined;
    return {
      kind: 'score',
      requestId: this.requestId,
      score: {
        promptTokens: this.#promptLength,
        tokens: this.#continuation,
        logProbabilities: this.#logProbabilities,
        sum: this.#logProbabilities.reduce((sum, value) => sum + value, 0),
      },
    };
  }

  dispose(): void {}
}

import { firstOutput, type BatchSpan } from '../core/batch.js';
import type { EmbedRequest, EmbeddingUpdate, Pooling } from '../core/embedding.js';
import type { Token } from '../core/generation.js';
import type { ModelInfo, ModelRunner } from '../core/model-runner.js';
import { createSequence, type Sequence } from '../core/sequence.js';
import { standingOf } from '../core/standing.js';
import { RowPool } from './row-pool.js';
import type { Measurement } from './work.js';

/** One input of an embed request while the engine works on it. */
export class EmbeddingWork implements Measurement {
  readonly requestId: string;
  readonly lane: number;
  readonly index: number;
  readonly sequence: Sequence;
  readonly #normalize: boolean;
  readonly #pooling: Pooling;
  readonly #size: number;
  #pool: RowPool;

  constructor(
    request: EmbedRequest,
    parts: { lane: number; index: number; sequenceId: number; tokens: readonly Token[] },
    { causal, embedding: { size, pooling } }: EmbeddingModel,
  ) {
    this.requestId = request.id;
    this.lane = parts.lane;
    this.index = parts.index;
    this.#normalize = request.normalize;
    this.#pooling = pooling;
    this.#size = size;
    this.#pool = new RowPool(pooling, size);
    // Rows before the last are those of any prompt, where they can be computed without it.
    const from = pooling === 'last' && causal ? parts.tokens.length - 1 : 0;
    const results = { from, embeds: true };
    this.sequence = createSequence(parts.sequenceId, parts.tokens, {
      results,
      standing: standingOf(request),
    });
  }

  read(span: BatchSpan, firstRow: number, runner: ModelRunner): EmbeddingUpdate | undefined {
    if (span.start === 0) this.#pool = new RowPool(this.#pooling, this.#size);
    for (let index = firstOutput(span); index < span.tokens.length; index++) {
      this.#pool.add(runner.rowEmbedding(firstRow + index));
    }
    if (!span.output) return undefined;
    return {
      kind: 'embedding',
      requestId: this.requestId,
      input: this.index,
      embedding: this.#pool.result(this.#normalize),
      tokens: this.sequence.promptLength,
    };
  }

  dispose(): void {}
}

/** A model that embeds. */
export type EmbeddingModel = Pick<ModelInfo, 'causal'> & Required<Pick<ModelInfo, 'embedding'>>;

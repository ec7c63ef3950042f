import type { BatchSpan } from '../core/batch.js';
import type { Token } from '../core/generation.js';
import type { ModelInfo, ModelRunner } from '../core/model-runner.js';
import type { RelevanceUpdate, RerankRequest } from '../core/reranking.js';
import { createSequence, type Sequence } from '../core/sequence.js';
import { standingOf } from '../core/standing.js';
import type { Measurement } from './work.js';

/** All pairs of a causal reranker may share the cells of what they begin with: its form, and the query. */
const pairScope = 'pairs';

/** One document of a rerank request, with its query, while the engine works on it. */
export class RerankingWork implements Measurement {
  readonly requestId: string;
  readonly lane: number;
  readonly index: number;
  readonly sequence: Sequence;

  constructor(
    request: RerankRequest,
    parts: { lane: number; index: number; sequenceId: number; tokens: readonly Token[] },
    { causal }: Pick<ModelInfo, 'causal'>,
  ) {
    this.requestId = request.id;
    this.lane = parts.lane;
    this.index = parts.index;
    // A causal reranker tells by its last token; the rows before it are those of any prompt.
    const results = { from: causal ? parts.tokens.length - 1 : 0, embeds: true };
    this.sequence = createSequence(parts.sequenceId, parts.tokens, {
      results,
      standing: standingOf(request),
      scope: causal ? pairScope : undefined,
    });
  }

  read(span: BatchSpan, _firstRow: number, runner: ModelRunner): RelevanceUpdate | undefined {
    if (!span.output) return undefined;
    return {
      kind: 'relevance',
      requestId: this.requestId,
      document: this.index,
      relevance: runner.relevance(span.slot),
      tokens: this.sequence.promptLength,
    };
  }

  dispose(): void {}
}

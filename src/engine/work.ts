import type { BatchSpan } from '../core/batch.js';
import type { ModelRunner } from '../core/model-runner.js';
import type { RequestUpdate } from '../core/request-update.js';
import type { Sequence } from '../core/sequence.js';

/** What one sequence of the engine is computed for. */
export interface Work {
  readonly requestId: string;
  /** Its request's place on the abort board. */
  readonly lane: number;
  /** Which of its request's choices or inputs, from 0. */
  readonly index: number;
  readonly sequence: Sequence;
  /** Frees what is native of it. */
  dispose(): void;
}

/** Work that reads the results of its rows and adds no tokens: it ends with its sequence's last row. */
export interface Measurement extends Work {
  /**
   * Rows of its sequence were computed. A sequence that lost its cells computes its rows again, from the first on.
   * @param firstRow index of the span's first row within the batch
   * @returns what it came to, after the last row; before that, what can be told already
   */
  read(span: BatchSpan, firstRow: number, runner: ModelRunner): RequestUpdate | undefined;
}

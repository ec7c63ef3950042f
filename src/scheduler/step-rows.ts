import { emptyBatch, type Batch, type BatchSpan } from '../core/batch.js';
import type { Token } from '../core/generation.js';
import type { Sequence } from '../core/sequence.js';

/** Rows of one step, at most. */
export interface StepLimits {
  readonly stepBudget: number;
  /** Rows with results. */
  readonly outputRows: number;
  /** A sequence can be computed in parts. */
  readonly causal: boolean;
}

/**
 * The rows of one step, as they are chosen.
 *
 * A step either computes embeddings or it does not; in one that does, every row counts as a row with a result. Rows that
 * generate have results anyway, so they are in every step. Which kind a step is, the first of the other sequences
 * decides: that with the oldest claim. What does not fit that kind waits for a later step.
 */
export class StepRows {
  readonly #limits: StepLimits;
  readonly #spans: BatchSpan[] = [];
  #rows = 0;
  #outputs = 0;
  /** Undefined while the step may still become either kind. */
  #embeds: boolean | undefined;

  constructor(limits: StepLimits) {
    this.#limits = limits;
  }

  /**
   * Adds rows of a sequence that lacks some: as many as fit, none if none do.
   * @param most rows to add at most
   * @param drafts what may follow the one token that the sequence lacks; there must be room for them
   * @returns how many were added, those of drafts not counted
   */
  add(sequence: Sequence, most = Infinity, drafts: readonly Token[] = []): number {
    const { id: sequenceId, slot, computed: start, tokens, results } = sequence;
    const count = this.#fitting(sequence, most);
    if (slot === undefined || count < 1) return 0;
    const end = start + count;
    const from = results === undefined ? tokens.length - 1 : results.from;
    const outputs = Math.max(0, end - Math.max(from, start));
    const embeds = results?.embeds === true && outputs > 0;
    const generates = results === undefined && tokens.length - start === 1;
    if (!generates) this.#embeds ??= embeds;
    this.#rows += count + drafts.length;
    this.#outputs += (this.#embeds === true ? count : outputs) + drafts.length;
    const rows = tokens.slice(start, end);
    this.#spans.push({
      sequenceId,
      slot,
      start,
      tokens: drafts.length === 0 ? rows : [...rows, ...drafts],
      output: end === tokens.length,
      ...(drafts.length > 0 ? { outputFrom: count - 1, drafts: drafts.length } : {}),
      ...(results !== undefined && outputs > 0 ? { outputFrom: count - outputs } : {}),
    });
    return count;
  }

  get batch(): Batch {
    if (this.#spans.length === 0) return emptyBatch;
    const batch = { spans: this.#spans, rows: this.#rows };
    return this.#embeds === true ? { ...batch, embeds: true } : batch;
  }

  #fitting({ computed: start, tokens, results }: Sequence, most: number): number {
    const { stepBudget, outputRows, causal } = this.#limits;
    const lacking = tokens.length - start;
    const rows = Math.min(lacking, stepBudget - this.#rows, most);
    const outputs = outputRows - this.#outputs;
    const from = results === undefined ? tokens.length - 1 : results.from;
    const before = Math.max(0, from - start);
    if (this.#embeds === true || (results?.embeds === true && before === 0)) {
      const whole = Math.min(rows, outputs);
      return this.#embeds === false || (!causal && whole < lacking) ? 0 : whole;
    }
    // Rows up to the first embedding are like those of any prompt.
    return results?.embeds === true ? Math.min(rows, before) : Math.min(rows, before + outputs);
  }
}

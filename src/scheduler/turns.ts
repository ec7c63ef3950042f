import type { Sequence } from '../core/sequence.js';
import type { Priority } from '../core/standing.js';
import { ServedTokens } from './served-tokens.js';

/** `arrival`: first come, first served. `shortest`: by standing, then the shortest remaining prompt, with ageing. */
export type SchedulingOrder = 'arrival' | 'shortest';

const ranks: Readonly<Record<Priority, number>> = { high: 0, normal: 1, batch: 2 };

/** Of so many turns, one is that of the oldest. */
const turnsOfOldest = 8;

interface Entry {
  /** Order of arrival, from 0. */
  readonly place: number;
  /** Tokens that had been computed and generated for all when it came. */
  readonly age: number;
  /** Tokens of its prompt that were counted for its key. */
  counted: number;
}

/**
 * Whose turn it is among sequences: for a slot, and for prompt rows.
 *
 * The higher priority; then the fairness key that was served less; then the shortest remaining prompt. A prompt ages by
 * a token for each that is computed for anybody, so that it is overtaken only by those that come before as many tokens
 * were computed as it has itself. Priorities and keys know no ageing: instead, one of every eight turns is the oldest
 * sequence's, whoever it belongs to, so that none waits for ever. The order needs no clock.
 */
export class Turns {
  readonly #order: SchedulingOrder;
  readonly #entries = new Map<Sequence, Entry>();
  readonly #served = new ServedTokens();
  #places = 0;
  #computed = 0;
  readonly #taken = { slot: 0, rows: 0 };

  constructor(order: SchedulingOrder) {
    this.#order = order;
  }

  /** A sequence begins to wait. */
  arrived(sequence: Sequence): void {
    this.#entries.set(sequence, { place: this.#places++, age: this.#computed, counted: 0 });
    this.#served.arrived(sequence.standing.fairnessKey);
  }

  admitted(sequence: Sequence): void {
    this.#taken.slot++;
    this.#served.admitted(sequence.standing.fairnessKey);
  }

  preempted(sequence: Sequence): void {
    this.#served.waits(sequence.standing.fairnessKey);
  }

  /** @param waiting it had no slot */
  left(sequence: Sequence, waiting: boolean): void {
    const { fairnessKey } = sequence.standing;
    if (!this.#entries.delete(sequence)) return;
    if (waiting) this.#served.admitted(fairnessKey);
    this.#served.left(fairnessKey);
  }

  /** Rows of the sequence were computed; what it lost and computes again does not count for its key. */
  computed(sequence: Sequence, rows: number): void {
    this.#computed += rows;
    const entry = this.#entries.get(sequence);
    if (entry === undefined) return;
    const done = Math.min(sequence.computed, sequence.promptLength);
    this.#served.promptServed(sequence.standing.fairnessKey, Math.max(0, done - entry.counted));
    entry.counted = Math.max(entry.counted, done);
  }

  generated(sequence: Sequence): void {
    this.#served.generated(sequence.standing.fairnessKey, 1);
  }

  /** Prompt rows were computed in the order of {@link sorted}. */
  rowsTaken(): void {
    this.#taken.rows++;
  }

  /** The sequence that is to have the next slot. */
  next(waiting: readonly Sequence[]): Sequence | undefined {
    return this.#sort(waiting, this.#taken.slot)[0];
  }

  /** Sequences in the order in which they are to have prompt rows in the next step. */
  sorted(sequences: readonly Sequence[]): readonly Sequence[] {
    return this.#sort(sequences, this.#taken.rows);
  }

  #sort(sequences: readonly Sequence[], turn: number): readonly Sequence[] {
    if (this.#order === 'arrival' || sequences.length < 2) return sequences;
    const sorted = sequences.toSorted((left, right) => this.#compare(left, right));
    if (turn % turnsOfOldest !== turnsOfOldest - 1) return sorted;
    const oldest = sequences.reduce((old, each) => (this.#place(each) < this.#place(old) ? each : old));
    return [oldest, ...sorted.filter((sequence) => sequence !== oldest)];
  }

  #compare(left: Sequence, right: Sequence): number {
    const [leftStanding, rightStanding] = [left.standing, right.standing];
    return (
      ranks[leftStanding.priority] - ranks[rightStanding.priority] ||
      this.#served.of(leftStanding.fairnessKey) - this.#served.of(rightStanding.fairnessKey) ||
      this.#remaining(left) - this.#remaining(right) ||
      this.#place(left) - this.#place(right)
    );
  }

  /** Rows that the sequence lacks, and its age taken off: those of two sequences differ by the same at all times. */
  #remaining(sequence: Sequence): number {
    return sequence.tokens.length - sequence.computed + (this.#entries.get(sequence)?.age ?? 0);
  }

  #place(sequence: Sequence): number {
    return this.#entries.get(sequence)?.place ?? 0;
  }
}

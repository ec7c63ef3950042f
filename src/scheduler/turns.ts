import type { Sequence } from '../core/sequence.js';
import { rankOf } from '../core/standing.js';
import { ServedTokens } from './served-tokens.js';

/** `arrival`: first come, first served. `shortest`: by standing, then the shortest remaining prompt, with ageing. */
export type SchedulingOrder = 'arrival' | 'shortest';

/** Of so many turns, one is that of the oldest. */
const turnsOfOldest = 8;
/** A sequence that lost its cells so often to some that came after it loses them to none of these again. */
const mostOvertakings = 2;

interface Entry {
  /** Order of arrival, from 0. */
  readonly place: number;
  /** Tokens that had been computed and generated for all when it came. */
  readonly age: number;
  /** Tokens that the cache held when it came. */
  readonly held: number;
  /** Tokens of its prompt that were counted for its key, or need not be: they were in the cache. */
  counted: number;
  /** It waits because it lost its cells. */
  interrupted: boolean;
  /** How often it lost its cells while one that came after it kept its own. */
  overtaken: number;
}

/**
 * Whose turn it is among sequences: for a slot, for prompt rows, and to give its cells up.
 *
 * The higher priority; then the fairness key that was served less; then the shortest remaining prompt. A prompt ages by
 * a token for each that is computed for anybody, so that it is overtaken only by those that come before as many tokens
 * were computed as it has itself. Priorities and keys know no ageing: instead, one of every eight turns is the oldest
 * sequence's, whoever it belongs to, so that none waits for ever. The order needs no clock.
 *
 * One that lost its cells has a slot before others of its priority: its client is in the middle of an answer.
 */
export class Turns {
  readonly #order: SchedulingOrder;
  readonly #entries = new Map<Sequence, Entry>();
  readonly #served = new ServedTokens();
  #places = 0;
  #computed = 0;
  /** Turns since the oldest had one. */
  readonly #since = { slot: 0, rows: 0 };

  constructor(order: SchedulingOrder) {
    this.#order = order;
  }

  /** A sequence begins to wait. @param held tokens of it that the cache holds */
  arrived(sequence: Sequence, held = 0): void {
    this.#entries.set(sequence, {
      held,
      place: this.#places++,
      age: this.#computed,
      counted: 0,
      interrupted: false,
      overtaken: 0,
    });
    this.#served.arrived(sequence.standing.fairnessKey);
  }

  /**
   * A sequence has a slot now.
   * @param among those that waited, with itself. Absent for one that comes with another in whose turn it is
   */
  admitted(sequence: Sequence, among?: readonly Sequence[]): void {
    if (among !== undefined) this.#since.slot = sequence === this.#oldest(among) ? 0 : this.#since.slot + 1;
    const entry = this.#entries.get(sequence);
    if (entry !== undefined) entry.interrupted = false;
    this.#served.admitted(sequence.standing.fairnessKey);
  }

  /**
   * A sequence lost its cells, and waits again.
   * @param kept those that did not
   */
  preempted(sequence: Sequence, kept: readonly Sequence[]): void {
    this.#served.waits(sequence.standing.fairnessKey);
    const entry = this.#entries.get(sequence);
    if (entry === undefined) return;
    entry.interrupted = true;
    if (kept.some((other) => this.#place(other) > entry.place)) entry.overtaken++;
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

  /** What a sequence has now was in the cache, and served nobody's turn. */
  reused(sequence: Sequence): void {
    const entry = this.#entries.get(sequence);
    if (entry === undefined) return;
    entry.counted = Math.max(entry.counted, Math.min(sequence.computed, sequence.promptLength));
  }

  generated(sequence: Sequence): void {
    this.#served.generated(sequence.standing.fairnessKey, 1);
  }

  /** Prompt rows were computed in the order of {@link sorted}. */
  rowsTaken(): void {
    this.#since.rows = (this.#since.rows + 1) % turnsOfOldest;
  }

  /** The sequence that is to have the next slot. */
  next(waiting: readonly Sequence[]): Sequence | undefined {
    if (this.#order === 'arrival') return waiting[0];
    if (this.#since.slot >= turnsOfOldest - 1) return this.#oldest(waiting);
    return first(waiting, (left, right) => this.#compare(left, right, true));
  }

  /** Sequences in the order in which they are to have prompt rows in the next step. */
  sorted(sequences: readonly Sequence[]): readonly Sequence[] {
    if (this.#order === 'arrival' || sequences.length < 2) return sequences;
    const sorted = sequences.toSorted((left, right) => this.#compare(left, right, false));
    if (this.#since.rows < turnsOfOldest - 1) return sorted;
    const oldest = this.#oldest(sequences);
    return oldest === undefined ? sorted : [oldest, ...sorted.filter((sequence) => sequence !== oldest)];
  }

  /** The sequence that is to give its cells up: the newest of the lowest priority. */
  last(running: readonly Sequence[]): Sequence | undefined {
    return first(
      running,
      (left, right) => this.#hold(right) - this.#hold(left) || this.#place(right) - this.#place(left),
    );
  }

  #oldest(sequences: readonly Sequence[]): Sequence | undefined {
    return first(sequences, (left, right) => this.#place(left) - this.#place(right));
  }

  #compare(left: Sequence, right: Sequence, forSlots: boolean): number {
    const [leftStanding, rightStanding] = [left.standing, right.standing];
    return (
      rankOf(leftStanding) - rankOf(rightStanding) ||
      (forSlots ? Number(this.#interrupted(right)) - Number(this.#interrupted(left)) : 0) ||
      this.#served.of(leftStanding.fairnessKey) - this.#served.of(rightStanding.fairnessKey) ||
      this.#remaining(left) - this.#remaining(right) ||
      this.#place(left) - this.#place(right)
    );
  }

  /** Its rank when cells run out: the highest after it was overtaken often, or high priorities could stop it for ever. */
  #hold(sequence: Sequence): number {
    const { overtaken = 0 } = this.#entries.get(sequence) ?? {};
    return overtaken < mostOvertakings ? rankOf(sequence.standing) : 0;
  }

  #interrupted(sequence: Sequence): boolean {
    return this.#entries.get(sequence)?.interrupted === true;
  }

  /** Rows that the sequence lacks, and its age taken off: those of two sequences differ by the same at all times. */
  #remaining(sequence: Sequence): number {
    const { held = 0, age = 0 } = this.#entries.get(sequence) ?? {};
    return sequence.tokens.length - Math.max(sequence.computed, held) + age;
  }

  #place(sequence: Sequence): number {
    return this.#entries.get(sequence)?.place ?? 0;
  }
}

/** The first in an order; of equals, the first in the list. */
function first<T>(list: readonly T[], compare: (left: T, right: T) => number): T | undefined {
  let best = list[0];
  for (const each of list) if (best === undefined || compare(each, best) < 0) best = each;
  return best;
}

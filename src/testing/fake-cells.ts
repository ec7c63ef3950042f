import { HeddleError } from '../core/errors.js';
import type { Token } from '../core/generation.js';

/** One KV cell; slots that share it refer to the same object. */
interface Cell {
  readonly token: Token;
  readonly position: number;
  /** Slots that refer to it. */
  references: number;
}

/** The fake model's memory: what each slot holds, with shared cells counted once. */
export class FakeCells {
  readonly #slots: Cell[][];
  #used = 0;

  constructor(slots: number) {
    this.#slots = Array.from({ length: slots }, () => []);
  }

  /** Cells in use. */
  get used(): number {
    return this.#used;
  }

  /** Last position + 1. */
  count(slot: number): number {
    const last = this.#slot(slot).at(-1);
    return last === undefined ? 0 : last.position + 1;
  }

  tokens(slot: number): Token[] {
    return this.#slot(slot).map(({ token }) => token);
  }

  positions(slot: number): number[] {
    return this.#slot(slot).map(({ position }) => position);
  }

  append(slot: number, token: Token, position = this.count(slot)): void {
    this.#slot(slot).push({ token, position, references: 1 });
    this.#used++;
  }

  /** Removes positions `from` to `to`, exclusive. */
  remove(slot: number, from: number, to: number): void {
    const cells = this.#slot(slot);
    const kept = cells.filter(({ position }) => position < from || position >= to);
    for (const cell of cells) {
      if (cell.position >= from && cell.position < to && --cell.references === 0) this.#used--;
    }
    cells.splice(0, cells.length, ...kept);
  }

  share(source: number, target: number): void {
    const cells = this.#slot(source);
    for (const cell of cells) cell.references++;
    this.#slot(target).push(...cells);
  }

  /** @throws HeddleError `native_call_failed` for a slot that does not exist */
  #slot(slot: number): Cell[] {
    const cells = this.#slots[slot];
    if (cells !== undefined) return cells;
    throw new HeddleError(
      'native_call_failed',
      `Slot ${slot} does not exist; there are ${this.#slots.length}.`,
    );
  }
}

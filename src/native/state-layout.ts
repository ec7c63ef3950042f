import type { ModelMemory } from '../core/model-runner.js';
import { CacheLayout, wordAt } from './cache-layout.js';
import { RecurrentLayout } from './recurrent-layout.js';

/** Of every state: a magic number, and the sequence it was saved from. */
export const stateHeadBytes = 8;

/** The states of one sequence of two tokens, as the library writes them. */
export interface ProbedStates {
  /** The whole state. */
  readonly whole: Uint8Array;
  /** The state without the cells of attention, where the memory has others; else the whole one. */
  readonly partial: Uint8Array;
  /** Sizes of both when the sequence has one token. */
  readonly ofOne: { readonly whole: number; readonly partial: number };
  /** The partial state of an empty sequence. */
  readonly empty: Uint8Array;
}

/**
 * Of what the states of a context's sequences are made: cells of attention first, then, if the memory has one, the state
 * of the end, which is the cells of a sliding window, a recurrent state, or both in this order.
 */
export class StateLayout {
  readonly memory: ModelMemory;
  readonly #magic: number;
  readonly #cells: CacheLayout | undefined;
  /** An empty state of the end: what saved cells end with, so that they are the whole state of a sequence. */
  readonly #trailer: Uint8Array;
  readonly #window: CacheLayout | undefined;
  readonly #recurrent: RecurrentLayout | undefined;

  private constructor(parts: {
    memory: ModelMemory;
    magic: number;
    cells?: CacheLayout | undefined;
    trailer?: Uint8Array;
    window?: CacheLayout | undefined;
    recurrent?: RecurrentLayout | undefined;
  }) {
    this.memory = parts.memory;
    this.#magic = parts.magic;
    this.#cells = parts.cells;
    this.#trailer = parts.trailer ?? new Uint8Array(0);
    this.#window = parts.window;
    this.#recurrent = parts.recurrent;
  }

  /** The layout of a memory that keeps nothing. */
  static readonly none = new StateLayout({ memory: 'none', magic: 0 });

  /** A memory without cells: a sequence of two tokens has this state. */
  static ofState(state: Uint8Array): StateLayout {
    const stream = viewOf(state);
    return new StateLayout({
      memory: 'state',
      magic: wordAt(stream, 0),
      recurrent: RecurrentLayout.learn(stream, stateHeadBytes),
    });
  }

  /**
   * @param hasWindow some layers see a sliding window only
   * @returns undefined when the states are not made of parts that are known
   */
  static learn(states: ProbedStates, hasWindow: boolean): StateLayout | undefined {
    const { whole, partial, ofOne, empty } = states;
    const magic = wordAt(viewOf(whole), 0);
    if (partial.length === whole.length) {
      const cells = CacheLayout.learn(viewOf(whole), stateHeadBytes, whole.length - ofOne.whole);
      const isAll = cells !== undefined && stateHeadBytes + cells.bytes(2) === whole.length;
      // Cells of a window among others would be gone from the block that they were in.
      return isAll && !hasWindow ? new StateLayout({ memory: 'cells', magic, cells }) : undefined;
    }
    const cellBytes = whole.length - partial.length - (ofOne.whole - ofOne.partial);
    const cells = CacheLayout.learn(viewOf(whole), stateHeadBytes, cellBytes);
    if (cells === undefined || cells.bytes(2) !== whole.length - partial.length) return undefined;
    const windowBytes = partial.length - ofOne.partial;
    const window =
      windowBytes === 0 ? undefined : CacheLayout.learn(viewOf(partial), stateHeadBytes, windowBytes);
    if (windowBytes > 0 && window === undefined) return undefined;
    const end = stateHeadBytes + (window?.bytes(2) ?? 0);
    const recurrent = end === partial.length ? undefined : RecurrentLayout.learn(viewOf(partial), end);
    if (end !== partial.length && recurrent === undefined) return undefined;
    const trailer = empty.slice(stateHeadBytes);
    return new StateLayout({ memory: 'cells-and-state', magic, cells, trailer, window, recurrent });
  }

  get hasCells(): boolean {
    return this.#cells !== undefined;
  }

  get hasState(): boolean {
    return this.memory === 'cells-and-state' || this.memory === 'state';
  }

  /** Bytes of saved cells, without what they end with. */
  cellsBytes(count: number): number {
    return stateHeadBytes + (this.#cells?.bytes(count) ?? 0);
  }

  /** Bytes of saved cells. */
  cellsSize(count: number): number {
    return this.cellsBytes(count) + this.#trailer.length;
  }

  /** Ends cells that the library wrote, and takes the sequence out of them. */
  finishCells(bytes: Uint8Array): void {
    const stream = viewOf(bytes);
    bytes.set(this.#trailer, bytes.length - this.#trailer.length);
    stream.setUint32(4, 0, true);
    this.#cells?.clearSequence(stream, stateHeadBytes);
  }

  /** Positions of saved cells, `from` to `end`, exclusive; undefined when the bytes are none. */
  cellsRange(bytes: Uint8Array): { from: number; end: number } | undefined {
    const stream = viewOf(bytes);
    if (this.#cells === undefined || wordAt(stream, 0) !== this.#magic) return undefined;
    const range = this.#cells.range(stream, stateHeadBytes);
    if (range === undefined || this.cellsSize(range.end - range.from) !== bytes.length) return undefined;
    const trailer = bytes.subarray(bytes.length - this.#trailer.length);
    return trailer.every((byte, index) => byte === this.#trailer[index]) ? range : undefined;
  }

  /** Takes the sequence out of a state that the library wrote. */
  finishSnapshot(bytes: Uint8Array): void {
    const stream = viewOf(bytes);
    stream.setUint32(4, 0, true);
    this.#window?.clearSequence(stream, stateHeadBytes);
  }

  /**
   * Positions before the end that a snapshot was taken at; undefined when the bytes are none. Of a state whose parts are
   * not known, it is not known either: Infinity.
   */
  snapshotEnd(bytes: Uint8Array): number | undefined {
    const stream = viewOf(bytes);
    if (bytes.length <= stateHeadBytes || wordAt(stream, 0) !== this.#magic) return undefined;
    let at = stateHeadBytes;
    let end: number | undefined;
    if (this.#window !== undefined) {
      end = this.#window.range(stream, at)?.end;
      if (end === undefined) return undefined;
      at += this.#window.bytes(this.#window.count(stream, at));
    }
    if (this.#recurrent !== undefined) {
      const recurrentEnd = this.#recurrent.end(stream, at);
      return end === undefined || end === recurrentEnd ? recurrentEnd : undefined;
    }
    if (this.#window !== undefined) return at === bytes.length ? end : undefined;
    return hasPlausibleCells(stream) ? Infinity : undefined;
  }
}

/** The library makes room for as many cells as a state names before it reads them, each of at least 12 bytes. */
function hasPlausibleCells(stream: DataView): boolean {
  const counts = [wordAt(stream, stateHeadBytes), wordAt(stream, stateHeadBytes + 4)];
  return counts.every((count) => 12 * count < stream.byteLength);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

import { wordAt } from './cache-layout.js';

/** Cells, of which there is one for a sequence; its position; sequences, which are left out; a flag; and layers. */
const headWords = 5;
const wordBytes = 4;

/** Before a row of data: its type and its size. */
const recordHeadBytes = 3 * wordBytes;

/**
 * How llama.cpp writes the recurrent state of a sequence (`llama_memory_recurrent::state_write`): one cell, whatever the
 * length of the sequence. Learned from one state, as a {@link CacheLayout} is, and for the same reasons.
 */
export class RecurrentLayout {
  readonly bytes: number;
  readonly #layers: number;

  private constructor(bytes: number, layers: number) {
    this.bytes = bytes;
    this.#layers = layers;
  }

  /**
   * @param stream a state whose end, from `offset`, is the recurrent state after positions 0 and 1
   * @returns undefined for a stream of another structure
   */
  static learn(stream: DataView, offset: number): RecurrentLayout | undefined {
    const layers = wordAt(stream, offset + 4 * wordBytes);
    const layout = new RecurrentLayout(stream.byteLength - offset, layers);
    if (layout.end(stream, offset) !== 2) return undefined;
    let at = offset + headWords * wordBytes;
    while (at + recordHeadBytes <= stream.byteLength) {
      const row = wordAt(stream, at + wordBytes) + wordAt(stream, at + 2 * wordBytes) * 2 ** 32;
      at += recordHeadBytes + row;
    }
    return at === stream.byteLength ? layout : undefined;
  }

  /** Positions before the state's end; undefined when the stream holds no such state. */
  end(stream: DataView, offset: number): number | undefined {
    const [cells, position, sequences, transposed, layers] = Array.from({ length: headWords }, (_, index) =>
      wordAt(stream, offset + index * wordBytes),
    );
    const isState = cells === 1 && sequences === 0 && transposed === 0 && layers === this.#layers;
    if (!isState || stream.byteLength - offset !== this.bytes) return undefined;
    return position !== undefined && position < 2 ** 31 - 1 ? position + 1 : undefined;
  }
}

/** A 32-bit number. */
const wordBytes = 4;

/** Of a cell: its position, the number of its sequences, and that one sequence. */
const plainCellBytes = 3 * wordBytes;

/** The same with x, y and token of the cell, which some models keep. */
const extendedCellBytes = 6 * wordBytes;

/** Before the data of a layer: its type, and the size of a row, or of an element and a row. */
const recordHeadBytes = 3 * wordBytes;

/** Keys or values of one layer. */
interface LayerRecord {
  readonly head: readonly number[];
  /** Data of one cell. */
  readonly cellBytes: number;
}

/**
 * How llama.cpp writes the cells of one attention cache into the state of a sequence: a head with a position for each
 * cell, then keys and values layer by layer (`llama_kv_cache::state_write`). What is the same for all states of a
 * context is learned from one of them; a stream that is to be restored is held against it, because the library
 * takes the counts in it on trust: it allocates for as many cells as the stream names, and a position that is negative
 * or there twice breaks it later.
 */
export class CacheLayout {
  readonly #cellHeadBytes: number;
  /** Values are stored transposed, and so many layers there are. */
  readonly #shape: readonly number[];
  readonly #records: readonly LayerRecord[];

  private constructor(cellHeadBytes: number, shape: readonly number[], records: readonly LayerRecord[]) {
    this.#cellHeadBytes = cellHeadBytes;
    this.#shape = shape;
    this.#records = records;
  }

  /**
   * @param stream a state in which a cache with the cells at positions 0 and 1 begins at `offset`
   * @param cellBytes what the cache's part of a state grows by with each cell
   * @returns undefined for a stream of another structure
   */
  static learn(stream: DataView, offset: number, cellBytes: number): CacheLayout | undefined {
    const word = (at: number): number => wordAt(stream, at);
    const cells = offset + 2 * wordBytes;
    if (word(offset) !== 1 || word(offset + wordBytes) !== 2) return undefined;
    if (word(cells) !== 0 || word(cells + wordBytes) !== 1) return undefined;
    const cellHeadBytes = [plainCellBytes, extendedCellBytes].find(
      (bytes) => word(cells + bytes) === 1 && word(cells + bytes + wordBytes) === 1,
    );
    if (cellHeadBytes === undefined) return undefined;
    let at = cells + 2 * cellHeadBytes;
    const shape = [word(at), word(at + wordBytes)];
    const [transposed = 0, layers = 0] = shape;
    at += shape.length * wordBytes;
    const records: LayerRecord[] = [];
    for (let sum = cellHeadBytes; sum < cellBytes;) {
      const head = wordsAt(stream, at);
      const [, low = 0, high = 0] = head;
      const isTransposed = transposed !== 0 && records.length >= layers;
      const bytes = isTransposed ? low * high : low + high * 2 ** 32;
      if (!(bytes > 0 && sum + bytes <= cellBytes)) return undefined; // also behind the stream's end, for NaN
      records.push({ head, cellBytes: bytes });
      sum += bytes;
      at += recordHeadBytes + 2 * bytes;
    }
    if (records.length < layers || layers === 0) return undefined;
    return new CacheLayout(cellHeadBytes, shape, records);
  }

  /** Length of a cache with so many cells. */
  bytes(count: number): number {
    const start = 2 * wordBytes;
    if (count === 0) return start;
    return this.#records.reduce(
      (sum, record) => sum + recordHeadBytes + count * record.cellBytes,
      start + count * this.#cellHeadBytes + this.#shape.length * wordBytes,
    );
  }

  /** Cells of the cache that begins at `offset`, as the stream has it. */
  count(stream: DataView, offset: number): number {
    return wordAt(stream, offset + wordBytes);
  }

  /**
   * The positions of the cache's cells: `from` to `end`, exclusive, each once.
   * @returns undefined when the stream does not hold such a cache
   */
  range(stream: DataView, offset: number): { from: number; end: number } | undefined {
    const count = this.count(stream, offset);
    if (wordAt(stream, offset) !== 1 || !(count > 0)) return undefined;
    if (offset + this.bytes(count) > stream.byteLength) return undefined;
    let at = offset + 2 * wordBytes;
    const positions = Array.from({ length: count }, (_, cell) =>
      stream.getInt32(at + cell * this.#cellHeadBytes, true),
    );
    const from = positions.reduce((least, position) => Math.min(least, position), Infinity);
    if (from < 0) return undefined;
    const seen = new Uint8Array(count);
    for (const [cell, position] of positions.entries()) {
      const index = position - from;
      if (index >= count || seen[index] !== 0) return undefined;
      if (wordAt(stream, at + cell * this.#cellHeadBytes + wordBytes) !== 1) return undefined;
      seen[index] = 1;
    }
    at += count * this.#cellHeadBytes;
    for (const expected of this.#shape) {
      if (wordAt(stream, at) !== expected) return undefined;
      at += wordBytes;
    }
    for (const { head, cellBytes } of this.#records) {
      if (wordsAt(stream, at).some((value, index) => value !== head[index])) return undefined;
      at += recordHeadBytes + count * cellBytes;
    }
    return { from, end: from + count };
  }

  /** Puts 0 for the sequence that the cells were saved from: the library reads over it, and it depends on the slots. */
  clearSequence(stream: DataView, offset: number): void {
    const count = this.count(stream, offset);
    for (let cell = 1; cell <= count; cell++) {
      stream.setInt32(offset + 2 * wordBytes + cell * this.#cellHeadBytes - wordBytes, 0, true);
    }
  }
}

/** NaN behind the end: equal to nothing. */
export function wordAt(stream: DataView, at: number): number {
  return at + wordBytes <= stream.byteLength ? stream.getUint32(at, true) : NaN;
}

function wordsAt(stream: DataView, at: number): number[] {
  return [0, 1, 2].map((index) => wordAt(stream, at + index * wordBytes));
}

import { describe, expect, it } from 'vitest';
import { CacheLayout } from './cache-layout.js';
import { RecurrentLayout } from './recurrent-layout.js';

const offset = 8;

function streamOf(words: readonly number[]): DataView {
  return new DataView(Uint32Array.from(words.map((word) => word >>> 0)).buffer);
}

/** A cache as the library writes it: two layers, whose keys take 8 bytes of a cell and values 4. */
function cache(
  positions: readonly number[],
  { extended = false, transposed = false, behind = [] as number[] } = {},
): DataView {
  const data = (bytes: number): number[] => Array.from({ length: (positions.length * bytes) / 4 }, () => 9);
  const layer = (head: number[], bytes: number): number[] => [...head, ...data(bytes)];
  const values = transposed ? [1, 2, 2] : [1, 4, 0];
  return streamOf([
    0,
    0,
    1,
    positions.length,
    ...positions.flatMap((position) => [position, 1, ...(extended ? [position, 0, 5] : []), 3]),
    transposed ? 1 : 0,
    2,
    ...layer([1, 8, 0], 8),
    ...layer([1, 8, 0], 8),
    ...layer(values, 4),
    ...layer(values, 4),
    ...behind,
  ]);
}

function learned(options: { extended?: boolean; transposed?: boolean } = {}): CacheLayout {
  const layout = CacheLayout.learn(cache([0, 1], options), offset, options.extended ? 48 : 36);
  if (layout === undefined) throw new Error('The layout was not learned.');
  return layout;
}

describe('the layout of a cache', () => {
  it.each([{}, { extended: true }, { transposed: true }])('is learned from two cells: %j', (options) => {
    const layout = learned(options);
    const stream = cache([70, 71, 69], options);
    expect(offset + layout.bytes(3)).toBe(stream.byteLength);
    expect(layout.range(stream, offset)).toEqual({ from: 69, end: 72 });
    expect(layout.bytes(0)).toBe(8);
  });

  it('is not learned where cells grow by something else', () => {
    for (const bytes of [24, 30, 35, 37, 48]) {
      expect(CacheLayout.learn(cache([0, 1]), offset, bytes)).toBeUndefined();
    }
    expect(CacheLayout.learn(cache([1, 2]), offset, 36)).toBeUndefined();
    expect(CacheLayout.learn(cache([0, 1, 2]), offset, 36)).toBeUndefined();
  });

  it('has room for what follows the cache', () => {
    expect(learned().range(cache([5, 6], { behind: [1, 2, 3] }), offset)).toEqual({ from: 5, end: 7 });
  });

  it.each([
    ['no cells', []],
    ['a position twice', [4, 4]],
    ['a gap', [4, 6]],
    ['a negative position', [-1, 0]],
    ['the last position there could be', [2 ** 31 - 1, 0]],
  ])('refuses %s', (_, positions) => {
    expect(learned().range(cache(positions), offset)).toBeUndefined();
  });

  it('refuses counts that the stream is too short for, and words that differ', () => {
    const layout = learned();
    for (const [word, value] of [
      [2, 2],
      [3, 1],
      [3, 3],
      [3, 200_000_000],
      [3, 2 ** 32 - 1],
      [5, 0],
      [5, 2],
      [10, 1],
      [11, 3],
      [12, 8],
      [13, 12],
    ] as const) {
      const stream = cache([0, 1]);
      expect(layout.range(stream, offset)).toBeDefined();
      stream.setUint32(4 * word, value, true);
      expect(layout.range(stream, offset)).toBeUndefined();
    }
    expect(layout.range(new DataView(new ArrayBuffer(0)), offset)).toBeUndefined();
  });

  it.each([{}, { extended: true }])('knows where the sequence stands: %j', (options) => {
    const stream = cache([0, 1], options);
    learned(options).clearSequence(stream, offset);
    const words = [...new Uint32Array(stream.buffer)];
    const expected = [...new Uint32Array(cache([0, 1], options).buffer)];
    const [first, second] = options.extended ? [9, 15] : [6, 9];
    expect(words).toEqual(expected.map((word, index) => (index === first || index === second ? 0 : word)));
  });
});

describe('the layout of a recurrent state', () => {
  const state = (head: readonly number[] = [1, 1, 0, 0, 4], behind: readonly number[] = []): DataView =>
    streamOf([0, 0, ...head, 0, 8, 0, 1, 2, 0, 4, 0, 3, ...behind]);

  it('is learned from one, and knows its position', () => {
    const layout = RecurrentLayout.learn(state(), offset);
    expect(layout?.bytes).toBe(state().byteLength - offset);
    expect(layout?.end(state([1, 41, 0, 0, 4]), offset)).toBe(42);
  });

  it('refuses other counts, positions and lengths', () => {
    const layout = RecurrentLayout.learn(state(), offset);
    for (const head of [
      [0, 1, 0, 0, 4],
      [2, 1, 0, 0, 4],
      [200_000_000, 1, 0, 0, 4],
      [1, -5, 0, 0, 4],
      [1, 2 ** 31 - 1, 0, 0, 4],
      [1, 1, 1, 0, 4],
      [1, 1, 0, 0, 5],
    ]) {
      expect(layout?.end(state(head), offset)).toBeUndefined();
    }
    expect(layout?.end(state([1, 1, 0, 0, 4], [0]), offset)).toBeUndefined();
    expect(RecurrentLayout.learn(state([1, 1, 0, 0, 4], [0, 8, 0, 1]), offset)).toBeUndefined();
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeMessage, FrameReader } from './message-frame.js';

const limit = 1024 * 1024;

/** Feeds pieces, reading after each: what was read, and whether the stream was refused. */
function readAll(pieces: readonly Buffer[], reader = new FrameReader(limit)): [unknown[], Error | undefined] {
  const messages: unknown[] = [];
  try {
    for (const piece of pieces) {
      reader.push(Buffer.from(piece));
      for (let next = reader.next(); next !== undefined; next = reader.next()) messages.push(next.message);
    }
    return [messages, undefined];
  } catch (error) {
    return [messages, error as Error];
  }
}

/** Cuts bytes at the given places, in any order. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

const messages = fc.array(
  fc.oneof(
    fc.jsonValue(),
    fc.record({ kind: fc.string(), value: fc.constantFrom(undefined, 1n) }, { noNullPrototype: true }),
    fc.uint8Array({ maxLength: 300 }),
    fc.float64Array(),
    fc.int32Array(),
  ),
  { maxLength: 8 },
);
const places = fc.array(fc.nat(), { maxLength: 12 });

describe('frames', () => {
  test('give the same messages however their bytes are cut', () => {
    fc.assert(
      fc.property(messages, places, (sent, at) => {
        const [read, error] = readAll(cut(Buffer.concat(sent.map(encodeMessage)), at));
        expect(error).toBeUndefined();
        expect(read).toStrictEqual(sent);
      }),
    );
  });

  test('can arrive byte by byte', () => {
    const sent = [{ text: 'é'.repeat(5000) }, [], undefined, 'x'];
    const bytes = Buffer.concat(sent.map(encodeMessage));
    const [read] = readAll(Array.from(bytes, (byte) => Buffer.from([byte])));
    expect(read).toStrictEqual(sent);
  });

  test('that are not complete give nothing', () => {
    const frame = encodeMessage({ text: 'half of this' });
    for (let length = 0; length < frame.length; length++) {
      expect(readAll([frame.subarray(0, length)])).toEqual([[], undefined]);
    }
  });

  test('keep typed arrays that later messages do not overwrite', () => {
    const sent = [1, 2, 3].map((value) => ({ value, floats: new Float32Array(2000).fill(value) }));
    const reader = new FrameReader(limit);
    const bytes = Buffer.concat(sent.map(encodeMessage));
    const [read] = readAll(cut(bytes, [100, 9000, 9001, 20_000]), reader);
    expect(read).toStrictEqual(sent);
  });

  test('of functions are refused where they are sent', () => {
    expect(() => encodeMessage({ call: () => {} })).toThrow('could not be cloned');
  });
});

describe('a stream that is damaged', () => {
  /** Bytes that do not begin as a frame does. */
  const garbage = fc.uint8Array({ minLength: 8, maxLength: 200 }).filter(([first]) => first !== markByte);
  const markByte = encodeMessage(0)[0];

  test('by garbage between messages is refused there, after what came before', () => {
    fc.assert(
      fc.property(messages, garbage, messages, places, (before, junk, after, at) => {
        const parts = [...before.map(encodeMessage), Buffer.from(junk), ...after.map(encodeMessage)];
        const [read, error] = readAll(cut(Buffer.concat(parts), at));
        expect(error).toBeInstanceOf(Error);
        expect(read).toStrictEqual(before);
      }),
    );
  });

  test('by bytes that changed is refused or read, and never throws anything else than an error', () => {
    fc.assert(
      fc.property(
        messages,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        places,
        (sent, changes, at) => {
          const bytes = Buffer.concat([...sent, 'more'].map(encodeMessage));
          for (const [place, value] of changes) bytes[place % bytes.length] = value;
          const [read, error] = readAll(cut(bytes, at));
          expect(read.length).toBeLessThanOrEqual(sent.length + 1);
          expect(error === undefined || error instanceof Error).toBe(true);
        },
      ),
    );
  });

  test('by a body that can not be read is refused', () => {
    const frame = encodeMessage({ text: 'whole' });
    frame.fill(0xee, 8);
    expect(readAll([encodeMessage(1), frame])).toEqual([[1], expect.any(Error)]);
  });

  test('is not read on', () => {
    const reader = new FrameReader(limit);
    expect(readAll([Buffer.alloc(8)], reader)[1]?.message).toMatch('no message begins');
    expect(readAll([encodeMessage(1)], reader)).toEqual([[], expect.any(Error)]);
  });
});

describe('a length', () => {
  const claiming = (length: number): Buffer => {
    const header = encodeMessage(0).subarray(0, 8);
    header.writeUInt32LE(length, 4);
    return header;
  };

  test('over the limit is refused as soon as it is read, and nothing is allocated for it', () => {
    const before = process.memoryUsage().arrayBuffers;
    for (const length of [limit + 1, 2 ** 31, 2 ** 32 - 1]) {
      const [, error] = readAll([claiming(length)]);
      expect(error?.message).toBe(`a message of ${length} bytes is over the limit of ${limit}`);
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(limit);
  });

  test('within the limit takes no memory before its bytes arrive', () => {
    const readers = Array.from({ length: 1000 }, () => new FrameReader(limit));
    const before = process.memoryUsage().arrayBuffers;
    for (const reader of readers) expect(readAll([claiming(limit)], reader)).toEqual([[], undefined]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * limit);
  });

  test('of exactly the limit is read', () => {
    const text = 'x'.repeat(limit);
    const frame = encodeMessage(text);
    const reader = new FrameReader(frame.length - 8);
    expect(readAll([frame], reader)).toEqual([[text], undefined]);
    expect(readAll([frame], new FrameReader(frame.length - 9))[1]).toBeInstanceOf(Error);
  });
});

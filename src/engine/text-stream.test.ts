import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TextStream } from './text-stream.js';

interface Read {
  /** Everything that was released. */
  readonly text: string;
  readonly pieces: readonly string[];
  readonly stopString: string | undefined;
}

/** Pushes chunks until a stop string is found, or to the end. */
function read(chunks: readonly Uint8Array[], stopStrings: readonly string[] = []): Read {
  const stream = new TextStream(stopStrings);
  const pieces: string[] = [];
  for (const chunk of chunks) {
    const { text, stopString } = stream.push(chunk);
    pieces.push(text);
    if (stopString !== undefined) return { text: pieces.join(''), pieces, stopString };
  }
  const { text, stopString } = stream.end();
  pieces.push(text);
  return { text: pieces.join(''), pieces, stopString };
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const singleBytes = (text: string): Uint8Array[] => Array.from(bytesOf(text), (byte) => Uint8Array.of(byte));

/** The bytes of a text in chunks that end at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  let start = 0;
  return ends.map((end) => {
    const chunk = bytes.subarray(start, end);
    start = end;
    return chunk;
  });
}

describe('characters', () => {
  const sample = 'a, é, €, 🧵, 日本語, e\u0301, \u{1F469}\u200D\u{1F4BB}, \uFEFF, z';

  test.each(Array.from(bytesOf(sample), (_, place) => place))('cut at byte %d are not split', (place) => {
    const { text, pieces } = read(cut(bytesOf(sample), [place]));
    expect(text).toBe(sample);
    for (const piece of pieces) expect(piece).not.toContain('\uFFFD');
  });

  test('of one byte each come as they are, and longer ones when they are complete', () => {
    expect(read(singleBytes('aé🧵')).pieces).toEqual(['a', '', 'é', '', '', '', '🧵', '']);
  });

  test('that are never completed become U+FFFD at the end', () => {
    expect(read([bytesOf('ab'), Uint8Array.of(0xf0, 0x9f)]).pieces).toEqual(['ab', '', '\uFFFD']);
  });

  test('that are no UTF-8 become U+FFFD, and the text goes on', () => {
    expect(read([Uint8Array.of(0x61, 0xff, 0x62)]).text).toBe('a\uFFFDb');
    expect(read([Uint8Array.of(0xe2, 0x82), bytesOf('x')]).text).toBe('\uFFFDx');
  });

  test('are the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.nat()), (text, places) => {
        expect(read(cut(bytesOf(text), places)).text).toBe(text);
      }),
    );
  });
});

describe('a stop string', () => {
  const sentence = 'one two STOP three';

  test.each(Array.from(bytesOf(sentence), (_, place) => place))(
    'is found when the text is cut at byte %d',
    (place) => {
      expect(read(cut(bytesOf(sentence), [place]), ['STOP'])).toMatchObject({
        text: 'one two ',
        stopString: 'STOP',
      });
    },
  );

  test('is held back only while it may be starting', () => {
    expect(read(singleBytes('aSTaSTOz'), ['STOP']).pieces).toEqual([
      'a',
      '',
      '',
      'STa',
      '',
      '',
      '',
      'STOz',
      '',
    ]);
  });

  test('that never comes releases the text that was held for it', () => {
    const { pieces, stopString } = read([bytesOf('go ST')], ['STOP']);
    expect(pieces).toEqual(['go ', 'ST']);
    expect(stopString).toBeUndefined();
  });

  test('may begin again inside of its own beginning', () => {
    expect(read(singleBytes('aabaabaac!'), ['aabaac'])).toMatchObject({ text: 'aab', stopString: 'aabaac' });
  });

  test('may be made of multi-byte characters', () => {
    expect(read(singleBytes('x🧵🪡y🧵🪢z'), ['🧵🪢'])).toMatchObject({ text: 'x🧵🪡y', stopString: '🧵🪢' });
  });

  test('that is complete first wins, however the text is cut', () => {
    const stops = ['abcb', 'b'];
    expect(read(singleBytes('xabcb'), stops)).toMatchObject({ text: 'xa', stopString: 'b' });
    expect(read([bytesOf('xabcb')], stops)).toMatchObject({ text: 'xa', stopString: 'b' });
  });

  test('that is longer wins of two that are complete at once', () => {
    expect(read([bytesOf('xabc')], ['c', 'abc'])).toMatchObject({ text: 'x', stopString: 'abc' });
  });

  const small = fc.string({ unit: fc.constantFrom('a', 'b', 'é'), maxLength: 24 });
  const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é'), minLength: 1, maxLength: 5 }), {
    maxLength: 3,
  });

  test('gives the same text and the same reason however the text is cut', () => {
    fc.assert(
      fc.property(small, stops, fc.array(fc.nat(), { maxLength: 6 }), (whole, stopStrings, places) => {
        const [once, bytewise] = [cut(bytesOf(whole), places), singleBytes(whole)].map((chunks) => {
          const { text, stopString } = read(chunks, stopStrings);
          return { text, stopString };
        });
        expect(once).toEqual(bytewise);
      }),
      { numRuns: 2000 },
    );
  });

  test('is never shown, and nothing but it and what follows is lost', () => {
    fc.assert(
      fc.property(small, stops, fc.array(fc.nat(), { maxLength: 6 }), (whole, stopStrings, places) => {
        const { text, stopString } = read(cut(bytesOf(whole), places), stopStrings);
        expect(whole.startsWith(text + (stopString ?? ''))).toBe(true);
        expect(stopStrings.some((stop) => text.includes(stop))).toBe(false);
        expect(stopString === undefined && text !== whole).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});

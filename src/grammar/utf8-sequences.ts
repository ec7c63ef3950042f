import type { CodePoints } from './code-points.js';

/** Bytes from the first to the last, both included. */
export type ByteRange = readonly [first: number, last: number];

/** The last code point of each length in UTF-8. */
const lastOfLength = [0x7f, 0x7ff, 0xffff, 0x10ffff] as const;

/**
 * Code points as sequences of byte ranges: a text matches one of them exactly if it is the UTF-8 of one of the code points.
 * Neither overlong forms nor surrogates match. After Russ Cox's `utf8.go` for RE2, as in Rust's utf8-ranges.
 */
export function utf8Sequences(points: CodePoints): ByteRange[][] {
  const sequences: ByteRange[][] = [];
  for (const [first, last] of points) {
    let start = first;
    for (const end of lastOfLength) {
      if (start > Math.min(last, end)) continue;
      addSequences(start, Math.min(last, end), sequences);
      start = end + 1;
    }
  }
  return sequences;
}

/** Of code points that are equally long in UTF-8. */
function addSequences(first: number, last: number, sequences: ByteRange[][]): void {
  // Cut where all that follows a common lead may be anything, so that each byte is a range of its own.
  const mostBits = last > 0x7f ? 24 : 0;
  for (let bits = 6; bits < mostBits; bits += 6) {
    const mask = (1 << bits) - 1;
    if ((first & ~mask) === (last & ~mask)) continue;
    if ((first & mask) !== 0) {
      addSequences(first, first | mask, sequences);
      addSequences((first | mask) + 1, last, sequences);
      return;
    }
    if ((last & mask) !== mask) {
      addSequences(first, (last & ~mask) - 1, sequences);
      addSequences(last & ~mask, last, sequences);
      return;
    }
  }
  const [low, high] = [utf8(first), utf8(last)];
  sequences.push(low.map((byte, index) => [byte, high[index] ?? byte]));
}

/** The bytes of one code point. */
export function utf8(codePoint: number): number[] {
  if (codePoint <= 0x7f) return [codePoint];
  if (codePoint <= 0x7ff) return [0xc0 | (codePoint >> 6), 0x80 | (codePoint & 0x3f)];
  const tail = [0x80 | ((codePoint >> 6) & 0x3f), 0x80 | (codePoint & 0x3f)];
  if (codePoint <= 0xffff) return [0xe0 | (codePoint >> 12), ...tail];
  return [0xf0 | (codePoint >> 18), 0x80 | ((codePoint >> 12) & 0x3f), ...tail];
}

import { fromAlphabet, toAlphabet } from './byte-alphabet.js';

/** Two neighbouring pieces that become one, written in the byte alphabet. */
export type Merge = readonly [left: string, right: string];

/**
 * How a text is cut before merges apply, as llama.cpp does for tokenizers of the kind "qwen2": contractions, words with
 * one leading character, single digits, runs of punctuation, line ends, spaces.
 */
const wordPattern =
  /'(?:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/giu;

function splitWords(text: string): string[] {
  return text.match(wordPattern) ?? [];
}

/** Joins every neighbouring (left, right) in `pieces`. */
function applyMerge(pieces: readonly string[], [left, right]: Merge): string[] {
  const joined: string[] = [];
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i] ?? '';
    if (piece === left && pieces[i + 1] === right) {
      joined.push(left + right);
      i++;
    } else {
      joined.push(piece);
    }
  }
  return joined;
}

function pairKey(left: string, right: string): string {
  return `${left} ${right}`; // a space is never in the byte alphabet
}

/**
 * Learns at most `count` merges from a text: again and again the most frequent neighbouring pair, of equally frequent
 * ones the first in code unit order. Stops early when no pair occurs twice.
 */
export function trainMerges(text: string, count: number): Merge[] {
  const occurrences = new Map<string, number>();
  for (const word of splitWords(text)) occurrences.set(word, (occurrences.get(word) ?? 0) + 1);
  const words = Array.from(occurrences, ([word, times]) => ({ pieces: toAlphabet(word), times }));
  const merges: Merge[] = [];
  while (merges.length < count) {
    const merge = mostFrequentPair(words);
    if (merge === undefined) break;
    merges.push(merge);
    for (const word of words) word.pieces = applyMerge(word.pieces, merge);
  }
  return merges;
}

function mostFrequentPair(
  words: readonly { readonly pieces: string[]; readonly times: number }[],
): Merge | undefined {
  const frequencies = new Map<string, number>();
  for (const { pieces, times } of words) {
    for (let i = 1; i < pieces.length; i++) {
      const key = pairKey(pieces[i - 1] ?? '', pieces[i] ?? '');
      frequencies.set(key, (frequencies.get(key) ?? 0) + times);
    }
  }
  let best: string | undefined;
  let most = 1;
  for (const [key, frequency] of frequencies) {
    if (frequency > most || (frequency === most && best !== undefined && key < best)) {
      best = key;
      most = frequency;
    }
  }
  const [left, right] = best?.split(' ') ?? [];
  return left === undefined || right === undefined ? undefined : [left, right];
}

/** Cuts text without control tokens into pieces: byte characters joined by `merges`, earlier merges first. */
export function encodePieces(text: string, merges: readonly Merge[]): string[] {
  const rank = new Map(merges.map(([left, right], index) => [pairKey(left, right), index]));
  return splitWords(text).flatMap((word) => {
    let pieces = toAlphabet(word);
    for (;;) {
      let next = Infinity;
      for (let i = 1; i < pieces.length; i++) {
        next = Math.min(next, rank.get(pairKey(pieces[i - 1] ?? '', pieces[i] ?? '')) ?? Infinity);
      }
      const merge = merges[next];
      if (merge === undefined) return pieces;
      pieces = applyMerge(pieces, merge);
    }
  });
}

/** The text of pieces; bytes that are not UTF-8 become replacement characters. */
export function decodePieces(pieces: readonly string[]): string {
  return Buffer.concat(pieces.map(fromAlphabet)).toString('utf8');
}

/**
 * Longest run of characters of one kind that is given to llama.cpp's tokenizer in one piece. Its regular expressions
 * recurse once for every character they match, some hundred bytes of stack each time; the call stack has 16 MiB.
 */
const longestRun = 4096;

/** Letters, white space, digits, other signs: the kinds that tokenizers' expressions tell apart. */
const runs = /[\p{L}\p{M}]+|\s+|\p{N}+|[^\s\p{L}\p{M}\p{N}]+/gu;

/**
 * Cuts a text within every run of more than 4096 characters of one kind, where the tokenizer's expressions would match
 * on. Texts that people write come back whole. Takes time in proportion to the text.
 * @returns the pieces, in order; together they are the text
 */
export function cutLongRuns(text: string): string[] {
  if (text.length <= longestRun) return [text];
  const pieces: string[] = [];
  let start = 0;
  for (const { index, 0: run } of text.matchAll(runs)) {
    const end = index + run.length;
    for (let cut = index + longestRun; cut < end; cut += longestRun) {
      const whole = isLowSurrogate(text, cut) ? cut - 1 : cut;
      pieces.push(text.slice(start, whole));
      start = whole;
    }
  }
  pieces.push(text.slice(start));
  return pieces;
}

/** The second half of a character of two code units, which must stay with the first. */
function isLowSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

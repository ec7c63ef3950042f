/** Characters shown on each side of a difference. */
const shown = 80;

/** How many of their first items two lists have in common. */
export function commonLength<T>(a: ArrayLike<T>, b: ArrayLike<T>): number {
  const most = Math.min(a.length, b.length);
  let count = 0;
  while (count < most && a[count] === b[count]) count++;
  return count;
}

/** Where two texts first differ, as an offset in UTF-16 units that splits no character. */
export function firstDifference(a: string, b: string): number {
  const offset = commonLength(a, b);
  return splitsCharacter(a, offset) || splitsCharacter(b, offset) ? offset - 1 : offset;
}

/** The text around an offset, at most 80 UTF-16 units on each side; no character is split. */
export function excerptAt(text: string, offset: number): { before: string; after: string } {
  const start = Math.max(0, offset - shown);
  const end = Math.min(text.length, offset + shown);
  return {
    before: text.slice(splitsCharacter(text, start) ? start + 1 : start, offset),
    after: text.slice(offset, splitsCharacter(text, end) ? end - 1 : end),
  };
}

/** The offset is between the two halves of a surrogate pair. */
function splitsCharacter(text: string, offset: number): boolean {
  const [high, low] = [text.charCodeAt(offset - 1), text.charCodeAt(offset)];
  return high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000;
}

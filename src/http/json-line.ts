/** Ends of lines to some readers of streams (Python's splitlines, and so httpx), which JSON may have as they are. */
const lineEnds = /[\u0085\u2028\u2029]/g;

/** JSON that is one line for every reader. */
export function jsonLine(value: object): string {
  const escaped = (character: string): string =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replace(lineEnds, escaped);
}

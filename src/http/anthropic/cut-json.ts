/** The JSON object that a text is the beginning of, as far as it goes; an empty one where that is not known. */
export function readCutObject(text: string): object {
  for (let end = text.length; end > 0; end = previousEnd(text, end)) {
    const value = tryParse(closed(text.slice(0, end)));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  }
  return {};
}

/** Where the last value that may be whole ends, before the end that did not do; negative where there is none. */
function previousEnd(text: string, end: number): number {
  const opened = Math.max(text.lastIndexOf('{', end - 2), text.lastIndexOf('[', end - 2));
  return Math.max(text.lastIndexOf(',', end - 1), end < 2 ? -1 : opened + 1);
}

/** With what closes the strings, lists and objects that are open at the end; without an escape that is cut off there. */
function closed(text: string): string {
  const open: string[] = [];
  let end = text.length;
  let isString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isString) {
      if (character === '\\') {
        const length = text[at + 1] === 'u' ? 6 : 2;
        if (at + length > text.length) end = at;
        at += length - 1;
      } else if (character === '"') isString = false;
    } else if (character === '"') isString = true;
    else if (character === '{') open.push('}');
    else if (character === '[') open.push(']');
    else if (character === '}' || character === ']') open.pop();
  }
  return text.slice(0, end) + (isString ? '"' : '') + open.toReversed().join('');
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // it ends within a value
  }
}

import type { Reading, TextInput } from './text-input.js';

type Write = (text: string) => void;

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
// oxlint-disable-next-line no-control-regex -- JSON's strings have none
const plain = /[^"\\\u0000-\u001f]/;
const space = /[ \t\r\n]/;
const wordCharacter = /[-+.\w]/;

/** Numbers are short; what is longer is none that anybody could use. */
const longestWord = 400;

/**
 * Lists and objects inside of each other, of the arguments of a call. More are no arguments: what answers are made with
 * runs out of stack at some thousands, and nothing of the answer would be left.
 */
export const deepestArguments = 256;

/**
 * Takes a JSON value and hands its text over as it comes, white space as it stands. Strict, but for control characters
 * in strings, which models write as they are: those are escaped.
 * @returns false where the text is no JSON, or goes deeper than {@link deepestArguments}; what can not follow there is not taken
 */
export function* copyJson(input: TextInput, write: Write): Reading<boolean> {
  /** What each open object or array ends with, the innermost last. */
  const ends: string[] = [];
  for (;;) {
    const first = yield* input.peek();
    if (first === '{' || first === '[') {
      if (ends.length === deepestArguments) return false;
      ends.push(first === '{' ? '}' : ']');
      write(input.take(1));
      yield* copySpaces(input, write);
      if ((yield* input.peek()) !== ends.at(-1)) {
        if (first === '{' && !(yield* copyKey(input, write))) return false;
        continue;
      }
    } else if (!(yield* first === '"' ? copyString(input, write) : copyWord(input, write))) return false;
    for (;;) {
      const end = ends.at(-1);
      if (end === undefined) return true;
      yield* copySpaces(input, write);
      if ((yield* input.peek()) !== end) break;
      write(input.take(1));
      ends.pop();
    }
    if ((yield* input.peek()) !== ',') return false;
    write(input.take(1));
    yield* copySpaces(input, write);
    if (ends.at(-1) === '}' && !(yield* copyKey(input, write))) return false;
  }
}

/** White space, as it comes. */
function* copySpaces(input: TextInput, write: Write): Reading<void> {
  for (;;) {
    const spaces = yield* input.someOf(space);
    if (spaces === '') return;
    write(spaces);
  }
}

/** A key, its colon, and white space around them. */
function* copyKey(input: TextInput, write: Write): Reading<boolean> {
  if (!(yield* copyString(input, write))) return false;
  yield* copySpaces(input, write);
  if ((yield* input.peek()) !== ':') return false;
  write(input.take(1));
  yield* copySpaces(input, write);
  return true;
}

/** As {@link copyJson}, a string. */
export function* copyString(input: TextInput, write: Write): Reading<boolean> {
  if ((yield* input.peek()) !== '"') return false;
  write(input.take(1));
  for (;;) {
    write(yield* input.someOf(plain));
    const next = yield* input.peek();
    if (next === '') return false;
    if (next === '"') {
      write(input.take(1));
      return true;
    }
    if (next !== '\\') write(escapeText(input.take(1)));
    else if (!(yield* copyEscape(input, write))) return false;
  }
}

/** A whole escape at once, so that no half of one is handed over. */
function* copyEscape(input: TextInput, write: Write): Reading<boolean> {
  for (let length = 2; length <= 6; length++) {
    const text = yield* input.ahead(length);
    if (/^\\(?:["\\/bfnrt]|u[\da-fA-F]{4})$/.test(text)) {
      write(input.take(length));
      return true;
    }
    if (!/^\\u[\da-fA-F]*$/.test(text)) return false;
  }
  return false;
}

/** A number, true, false or null. */
function* copyWord(input: TextInput, write: Write): Reading<boolean> {
  const word = yield* input.word(wordCharacter, longestWord);
  const isValue = number.test(word) || word === 'true' || word === 'false' || word === 'null';
  if (isValue) write(word);
  return isValue;
}

/** Takes a JSON string. @returns what it says; undefined where there is none */
export function* readString(input: TextInput): Reading<string | undefined> {
  let text = '';
  const isWhole = yield* copyString(input, (more) => (text += more));
  return isWhole ? (JSON.parse(text) as string) : undefined;
}

/** A text as the inside of a JSON string. Works on any part of it: halves of characters are left alone. */
export function escapeText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is to be escaped
  return text.replace(/["\\\u0000-\u001f]/g, (character) => JSON.stringify(character).slice(1, -1));
}

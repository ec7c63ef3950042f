import { deepestArguments, escapeText } from '../json-copy.js';
import type { OutputParts, OutputStyle } from '../output-style.js';
import type { Reading, TextInput } from '../text-input.js';

export const gemmaMarks = { open: '<|tool_call>', close: '<tool_call|>', quote: '<|"|>' } as const;

const jsonWord = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

/** Gemma 4: `<|tool_call>call:f{key:<|"|>text<|"|>,other:[1,true]}<tool_call|>`. */
export const gemmaCalls: Pick<OutputStyle, 'openings' | 'readCalls'> = {
  openings: [gemmaMarks.open],
  *readCalls(parts) {
    const { input, output, calls } = parts;
    yield* input.spaces();
    input.take(gemmaMarks.open.length);
    if (!(yield* readCall(parts))) {
      calls.fail();
      return false;
    }
    calls.complete();
    output.marker(yield* input.spaces());
    if (yield* input.literal(gemmaMarks.close)) output.marker(gemmaMarks.close);
    return true;
  },
};

function* readCall({ input, calls }: OutputParts): Reading<boolean> {
  if (!(yield* input.literal('call:'))) return false;
  const name = (yield* input.header(['{']))?.text.trim();
  if (name === undefined || name === '') return false;
  calls.open(name);
  return yield* copyValue(input, calls.arguments, deepestArguments);
}

/** Takes a value and writes it as JSON, as it comes. */
function* copyValue(input: TextInput, write: (text: string) => void, depth: number): Reading<boolean> {
  const first = yield* input.peek();
  if (first === '{' || first === '[') return yield* copyMembers(input, write, depth);
  if ((yield* input.choose([gemmaMarks.quote])) !== undefined) return yield* copyText(input, write);
  const word = yield* input.word(/[-+.\w]/);
  if (!jsonWord.test(word)) return false;
  write(word);
  return true;
}

function* copyText(input: TextInput, write: (text: string) => void): Reading<boolean> {
  input.take(gemmaMarks.quote.length);
  write('"');
  const end = yield* input.until([gemmaMarks.quote], (text) => write(escapeText(text)));
  if (end === undefined) return false;
  input.take(end.length);
  write('"');
  return true;
}

/** An object, whose keys need no quotes, or a list. */
function* copyMembers(input: TextInput, write: (text: string) => void, depth: number): Reading<boolean> {
  const open = input.take(1);
  const close = open === '{' ? '}' : ']';
  write(open);
  yield* input.spaces();
  if (depth === 0) return false;
  for (let isFirst = true; ; isFirst = false) {
    if (isFirst && (yield* input.literal(close))) break;
    if (!isFirst) write(',');
    if (open === '{' && !(yield* copyKey(input, write))) return false;
    yield* input.spaces();
    if (!(yield* copyValue(input, write, depth - 1))) return false;
    yield* input.spaces();
    if (yield* input.literal(close)) break;
    if (!(yield* input.literal(','))) return false;
    yield* input.spaces();
  }
  write(close);
  return true;
}

function* copyKey(input: TextInput, write: (text: string) => void): Reading<boolean> {
  if ((yield* input.choose([gemmaMarks.quote])) !== undefined) {
    if (!(yield* copyText(input, write))) return false;
    yield* input.spaces();
  } else {
    const key = (yield* input.header([':', '}', ',']))?.text.trim();
    if (key === undefined || key === '') return false;
    write(JSON.stringify(key));
  }
  if (!(yield* input.literal(':'))) return false;
  write(':');
  return true;
}

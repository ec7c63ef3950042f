import { readArguments, readJsonCall } from '../json-call.js';
import type { OutputParts, OutputStyle } from '../output-style.js';
import type { Reading } from '../text-input.js';

export const mistralMarks = {
  calls: '[TOOL_CALLS]',
  id: '[CALL_ID]',
  arguments: '[ARGS]',
} as const;

/**
 * Mistral: `[TOOL_CALLS][{"name": "f", "arguments": {...}}, ...]` up to Nemo and Small 3.1, then `[TOOL_CALLS]f[ARGS]{...}`
 * for each call, with `[CALL_ID]` and an id of nine characters in between where there is one.
 */
export const mistralCalls: Pick<OutputStyle, 'openings' | 'readCalls'> = {
  openings: [mistralMarks.calls],
  *readCalls(parts) {
    const { input, output, calls } = parts;
    yield* input.spaces();
    input.take(mistralMarks.calls.length);
    yield* input.spaces();
    const { id, arguments: separator } = mistralMarks;
    const isList = (yield* input.choose([id, separator, '['])) === '[';
    if (isList) input.take(1);
    for (;;) {
      yield* input.spaces();
      const isObject = isList || (yield* input.peek()) === '{';
      if (!(yield* isObject ? readJsonCall(parts) : readNamedCall(parts))) {
        calls.fail();
        return false;
      }
      if (!isList) return true;
      output.marker(yield* input.spaces());
      if (!(yield* input.literal(','))) break;
      output.marker(',');
      calls.begin();
    }
    if (yield* input.literal(']')) output.marker(']');
    return true;
  },
};

function* readNamedCall(parts: OutputParts): Reading<boolean> {
  const { input, calls } = parts;
  const header = yield* input.header([mistralMarks.id, mistralMarks.arguments, '{']);
  const name = header?.text.trim();
  if (header === undefined || name === undefined || name === '') return false;
  let id: string | undefined;
  if (header.end === mistralMarks.id) {
    input.take(header.end.length);
    id = (yield* input.header([mistralMarks.arguments]))?.text.trim();
    if (id === undefined) return false;
  }
  if (header.end !== '{') input.take(mistralMarks.arguments.length);
  calls.open(name, id !== undefined && /^[A-Za-z\d]{9}$/.test(id) ? id : undefined);
  yield* input.spaces();
  if (!(yield* readArguments(parts, calls.arguments))) return false;
  calls.complete();
  return true;
}

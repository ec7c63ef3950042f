import { readJsonCall } from '../json-call.js';
import type { OutputParts, OutputStyle } from '../output-style.js';
import type { Reading } from '../text-input.js';

export const pythonTag = '<|python_tag|>';

/**
 * Llama 3: the whole answer is `{"name": "f", "parameters": {...}}`, at times after `<|python_tag|>`, and several with
 * semicolons in between. JSON that calls no tool on offer is an answer like any other.
 */
export const llamaCalls: Pick<OutputStyle, 'openings' | 'readCalls' | 'readFirst'> = {
  openings: [pythonTag],
  *readCalls(parts) {
    const { input } = parts;
    yield* input.spaces();
    input.take(pythonTag.length);
    yield* input.spaces();
    return yield* readList(parts, true);
  },
  *readFirst(parts) {
    const { input, calls } = parts;
    if ((yield* input.chooseBehindSpaces(['{'])) === undefined) return false;
    calls.begin();
    yield* input.spaces();
    return yield* readList(parts, false);
  },
};

/** @param isMarked a marker says that these are calls */
function* readList(parts: OutputParts, isMarked: boolean): Reading<boolean> {
  const { input, output, calls } = parts;
  for (;;) {
    if (!(yield* readJsonCall(parts, { onlyOffered: !isMarked }))) {
      if (isMarked || calls.isOpen) calls.fail();
      else output.content(input.recorded);
      return false;
    }
    if ((yield* input.chooseBehindSpaces(['{', ';'])) === undefined) return true;
    output.marker(yield* input.spaces());
    if (yield* input.literal(';')) output.marker(`;${yield* input.spaces()}`);
    calls.begin();
  }
}

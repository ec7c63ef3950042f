import { readJsonCall } from '../json-call.js';
import type { OutputStyle } from '../output-style.js';

const open = '<tool_call>';
const close = '</tool_call>';

/** `<tool_call>{"name": "f", "arguments": {...}}</tool_call>`: Hermes, Qwen 2.5 and 3, and models trained like them. */
export const hermesCalls: Pick<OutputStyle, 'openings' | 'readCalls'> = {
  openings: [open],
  *readCalls(parts) {
    const { input, output, calls } = parts;
    yield* input.spaces();
    input.take(open.length);
    yield* input.spaces();
    if (!(yield* readJsonCall(parts))) {
      calls.fail();
      return false;
    }
    output.marker(yield* input.spaces());
    if (yield* input.literal(close)) output.marker(close);
    return true;
  },
};

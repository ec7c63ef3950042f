import type { OutputParts, OutputStyle } from '../output-style.js';
import { ParameterWriter } from '../parameter-writer.js';
import type { Reading } from '../text-input.js';

const open = '<tool_call>';
const close = '</tool_call>';
const keyOpen = '<arg_key>';
const keyClose = '</arg_key>';
const valueOpen = '<arg_value>';
const valueClose = '</arg_value>';

/** `<tool_call>f<arg_key>key</arg_key><arg_value>value</arg_value></tool_call>`, with line ends or without: GLM 4.5 and later. */
export const glmCalls: Pick<OutputStyle, 'openings' | 'readCalls'> = {
  openings: [open],
  *readCalls(parts) {
    const { input, calls } = parts;
    yield* input.spaces();
    input.take(open.length);
    yield* input.spaces();
    const isCall = yield* readPairs(parts);
    if (isCall) calls.complete();
    else calls.fail();
    return isCall;
  },
};

function* readPairs(parts: OutputParts): Reading<boolean> {
  const { input, calls } = parts;
  const name = (yield* input.header(['\n', keyOpen, close]))?.text.trim();
  if (name === undefined || !/^[^\s<>{}"]+$/.test(name)) return false;
  calls.open(name);
  const parameters = new ParameterWriter(parts);
  for (;;) {
    yield* input.spaces();
    const tag = yield* input.choose([keyOpen, close]);
    if (tag === undefined) return false;
    input.take(tag.length);
    if (tag === close) {
      parameters.end();
      return true;
    }
    const key = (yield* input.header([keyClose]))?.text.trim();
    if (key === undefined || key === '') return false;
    input.take(keyClose.length);
    yield* input.spaces();
    if (!(yield* input.literal(valueOpen))) return false;
    const end = yield* parameters.read(key, { ends: [valueClose] });
    if (end === undefined) return false;
    input.take(end.length);
  }
}

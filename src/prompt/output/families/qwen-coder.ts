import { readJsonCall } from '../json-call.js';
import type { OutputParts, OutputStyle } from '../output-style.js';
import { ParameterWriter } from '../parameter-writer.js';
import type { Reading } from '../text-input.js';

const functionOpen = '<function=';
const functionClose = '</function>';
const parameterOpen = '<parameter=';
const parameterEnds = ['\n</parameter>', '</parameter>'];

/**
 * Calls with a tag for each parameter: Qwen3-Coder, Qwen 3.5, Nemotron 3, and Seed-OSS with a tag of its own around them.
 *
 *     <tool_call>
 *     <function=f>
 *     <parameter=key>
 *     value
 *     </parameter>
 *     </function>
 *     </tool_call>
 *
 * Models leave the outer tag out at times.
 */
export function qwenCoderCalls(tag: string): Pick<OutputStyle, 'openings' | 'readCalls'> {
  const [open, close] = [`<${tag}>`, `</${tag}>`];
  return {
    openings: [open, functionOpen],
    *readCalls(parts, opening) {
      const { input, output, calls } = parts;
      yield* input.spaces();
      if (opening === open) input.take(open.length);
      yield* input.spaces();
      const isCall =
        opening === open && (yield* input.peek()) === '{'
          ? yield* readJsonCall(parts)
          : yield* readFunction(parts, { close, onlyOffered: opening !== open });
      if (!isCall) {
        // Text may well have such a tag in it, but not the outer one.
        if (opening === open || calls.isOpen) calls.fail();
        else output.content(input.recorded);
        return false;
      }
      output.marker(yield* input.spaces());
      if (yield* input.literal(close)) output.marker(close);
      return true;
    },
  };
}

function* readFunction(
  parts: OutputParts,
  { close, onlyOffered }: { close: string; onlyOffered: boolean },
): Reading<boolean> {
  const { input, calls } = parts;
  if (!(yield* input.literal(functionOpen))) return false;
  const name = (yield* input.header(['>']))?.text.trim();
  if (name === undefined || name === '' || (onlyOffered && !calls.isOffered(name))) return false;
  input.take(1);
  calls.open(name);
  const parameters = new ParameterWriter(parts);
  for (;;) {
    yield* input.spaces();
    const tag = yield* input.choose([parameterOpen, functionClose, close]);
    if (tag === undefined) return false;
    if (tag !== close) input.take(tag.length); // a model that forgot to close the function
    if (tag !== parameterOpen) {
      parameters.end();
      calls.complete();
      return true;
    }
    const key = (yield* input.header(['>']))?.text.trim();
    if (key === undefined || key === '') return false;
    input.take(1);
    yield* input.literal('\n');
    const end = yield* parameters.read(key, { ends: parameterEnds });
    if (end === undefined) return false;
    input.take(end.length);
  }
}

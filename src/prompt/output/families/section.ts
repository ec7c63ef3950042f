import { readArguments } from '../json-call.js';
import type { OutputParts, OutputStyle } from '../output-style.js';
import type { Reading } from '../text-input.js';

/** The control tokens of a section of calls. */
interface SectionMarks {
  readonly open: string;
  readonly close: string;
  readonly call: string;
  /** Between a call's name and its arguments. */
  readonly separator: string;
  readonly callClose: string;
}

const fence = '```json';
const fenceClose = '```';

/** A call's name and id, as a header says them. */
type ReadHeader = (
  parts: OutputParts,
  header: string,
) => Reading<{ readonly name: string; readonly id?: string } | undefined>;

/** Calls in a section of control tokens, with their arguments as JSON. */
function sectionCalls(
  marks: SectionMarks,
  readHeader: ReadHeader,
): Pick<OutputStyle, 'openings' | 'readCalls'> {
  function* readCall(parts: OutputParts): Reading<boolean> {
    const { input, calls } = parts;
    if (!(yield* input.literal(marks.call))) return false;
    const header = yield* input.header([marks.separator]);
    if (header === undefined) return false;
    input.take(marks.separator.length);
    const call = yield* readHeader(parts, header.text.trim());
    if (call === undefined || call.name === '') return false;
    calls.open(call.name, call.id);
    yield* input.spaces();
    const isFenced = yield* input.literal(fence);
    yield* input.spaces();
    if (!(yield* readArguments(parts, calls.arguments))) return false;
    calls.complete();
    if (isFenced && (yield* input.chooseBehindSpaces([fenceClose])) !== undefined)
      parts.output.marker((yield* input.spaces()) + input.take(fenceClose.length));
    return true;
  }
  return {
    openings: [marks.open, marks.call],
    *readCalls(parts, opening) {
      const { input, output, calls } = parts;
      yield* input.spaces();
      if (opening === marks.open) input.take(opening.length);
      yield* input.spaces();
      for (;;) {
        if (!(yield* readCall(parts))) {
          calls.fail();
          return false;
        }
        output.marker(yield* input.spaces());
        if (yield* input.literal(marks.callClose)) output.marker(marks.callClose);
        output.marker(yield* input.spaces());
        const next = yield* input.choose([marks.call, marks.close]);
        if (next === marks.call) calls.begin();
        else {
          if (next !== undefined) output.marker(input.take(next.length));
          return true;
        }
      }
    },
  };
}

export const deepseekMarks: SectionMarks = {
  open: '<｜tool▁calls▁begin｜>',
  close: '<｜tool▁calls▁end｜>',
  call: '<｜tool▁call▁begin｜>',
  separator: '<｜tool▁sep｜>',
  callClose: '<｜tool▁call▁end｜>',
};

/**
 * DeepSeek: `f`, the separator and the arguments, as of 3.1; R1 and 3 write `function`, the separator, `f`, and the
 * arguments in a code fence.
 */
export const deepseekCalls = sectionCalls(deepseekMarks, function* ({ input }, header) {
  if (header !== 'function') return { name: header };
  if ((yield* input.ahead(1)) === '{') return { name: header };
  const name = (yield* input.header(['\n', fence]))?.text.trim();
  return name === undefined ? undefined : { name };
});

export const kimiMarks: SectionMarks = {
  open: '<|tool_calls_section_begin|>',
  close: '<|tool_calls_section_end|>',
  call: '<|tool_call_begin|>',
  separator: '<|tool_call_argument_begin|>',
  callClose: '<|tool_call_end|>',
};

/** Kimi K2: an id, `functions.f:0`, is the header. */
// oxlint-disable-next-line require-yield -- others read on
export const kimiCalls = sectionCalls(kimiMarks, function* (_, header) {
  const [, name, index] = /^(?:functions\.)?(.+?)(?::(\d+))?$/.exec(header) ?? [];
  if (name === undefined) return undefined;
  return index === undefined ? { name } : { name, id: `functions.${name}:${index}` };
});

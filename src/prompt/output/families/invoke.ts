import type { OutputParts, OutputStyle } from '../output-style.js';
import { ParameterWriter } from '../parameter-writer.js';
import type { Reading } from '../text-input.js';

/** `"name"`, and whether the value is a text, as DeepSeek says it. */
const attributes = /^"([^"]+)"(?:\s+string="(true|false)")?\s*$/;

/**
 * Calls in one block, with a tag for each call and parameter: MiniMax M2, and DeepSeek from 3.2 on, whose tags have a mark
 * before their names.
 *
 *     <minimax:tool_call>
 *     <invoke name="f">
 *     <parameter name="key">value</parameter>
 *     </invoke>
 *     </minimax:tool_call>
 */
export function invokeCalls(
  block: string,
  mark = '',
): Pick<OutputStyle, 'openings' | 'readCalls'> & { readonly mark: string } {
  const tags = {
    open: `<${mark}${block}>`,
    close: `</${mark}${block}>`,
    invoke: `<${mark}invoke name=`,
    invokeClose: `</${mark}invoke>`,
    parameter: `<${mark}parameter name=`,
    parameterClose: `</${mark}parameter>`,
  };
  return {
    mark,
    openings: [tags.open],
    *readCalls(parts) {
      const { input, output, calls } = parts;
      yield* input.spaces();
      input.take(tags.open.length);
      yield* input.spaces();
      for (;;) {
        if (!(yield* readInvoke(parts, tags))) {
          calls.fail();
          return false;
        }
        output.marker(yield* input.spaces());
        const next = yield* input.choose([tags.invoke, tags.close]);
        if (next === tags.invoke) calls.begin();
        else {
          if (next !== undefined) output.marker(input.take(next.length));
          return true;
        }
      }
    },
  };
}

type Tags = Readonly<Record<'invoke' | 'invokeClose' | 'parameter' | 'parameterClose', string>>;

function* readInvoke(parts: OutputParts, tags: Tags): Reading<boolean> {
  const { input, calls } = parts;
  if (!(yield* input.literal(tags.invoke))) return false;
  const [, name] = (yield* readAttributes(parts)) ?? [];
  if (name === undefined) return false;
  calls.open(name);
  const parameters = new ParameterWriter(parts);
  for (;;) {
    yield* input.spaces();
    const tag = yield* input.choose([tags.parameter, tags.invokeClose]);
    if (tag === undefined) return false;
    input.take(tag.length);
    if (tag === tags.invokeClose) {
      parameters.end();
      calls.complete();
      return true;
    }
    const [, key, isText] = (yield* readAttributes(parts)) ?? [];
    if (key === undefined) return false;
    const end = yield* parameters.read(key, {
      ends: [tags.parameterClose],
      isText: isText === undefined ? undefined : isText === 'true',
    });
    if (end === undefined) return false;
    input.take(end.length);
  }
}

function* readAttributes({ input }: OutputParts): Reading<RegExpExecArray | undefined> {
  const header = yield* input.header(['>']);
  const found = header === undefined ? null : attributes.exec(header.text);
  if (found === null) return undefined;
  input.take(1);
  return found;
}

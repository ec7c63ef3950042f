import { readArguments } from '../json-call.js';
import type { OutputParts } from '../output-style.js';
import type { Reading } from '../text-input.js';

export const harmonyMarks = {
  start: '<|start|>',
  channel: '<|channel|>',
  constrain: '<|constrain|>',
  message: '<|message|>',
  end: '<|end|>',
} as const;

const { start, channel, message, end } = harmonyMarks;

/** What a message ends before. Those tokens that end the generation too have no text. */
const messageEnds = [end, start, channel];

/**
 * gpt-oss: messages in channels, each with a header.
 *
 *     <|channel|>analysis<|message|>reasoning<|end|>
 *     <|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{...}
 *     <|start|>assistant<|channel|>final<|message|>content
 *
 * The prompt ends with `<|start|>assistant`. The receiver of a call may stand before the channel too. Text without a header
 * is content.
 */
export function* readHarmony(parts: OutputParts): Reading<void> {
  const { input, output, calls } = parts;
  for (;;) {
    calls.begin();
    yield* readStart(parts);
    const first = yield* input.choose([channel, message, ' to=']);
    const header = first === undefined ? undefined : yield* input.header([message, end, start]);
    if (header?.end === message) {
      input.take(message.length);
      yield* readMessage(parts, header.text);
    } else {
      output.content(input.recorded);
      yield* input.until(messageEnds, output.content);
    }
    if (yield* input.literal(end)) output.marker(end);
    if ((yield* input.peek()) === '') return;
  }
}

/** `<|start|>assistant`, if it stands here. */
function* readStart({ input }: OutputParts): Reading<void> {
  if (yield* input.literal(start)) yield* input.word(/\w/);
}

function* readMessage(parts: OutputParts, header: string): Reading<void> {
  const { input, output, calls, hasTools } = parts;
  const receiver = /\bto=([^\s<]+)/.exec(header)?.[1];
  // A message may name a channel that it is not for first.
  const name = [...header.matchAll(/<\|channel\|>\s*(\w+)/g)].at(-1)?.[1];
  const tool = receiver?.startsWith('functions.') === true ? receiver.slice('functions.'.length) : '';
  if (tool !== '' && hasTools) {
    calls.open(tool);
    yield* input.spaces();
    const isCall = yield* readArguments(parts, calls.arguments);
    if (isCall) calls.complete();
    else calls.fail();
    if (isCall) output.marker(yield* input.spaces());
    yield* input.until(messageEnds, output.content);
  } else if (receiver !== undefined && receiver !== 'assistant' && receiver !== 'user') {
    output.content(input.recorded);
    output.warning(
      'unknown_receiver',
      `The model writes to ${JSON.stringify(receiver)}, which was not offered.`,
    );
    yield* input.until(messageEnds, output.content);
  } else if (name === 'analysis') {
    output.inReasoning = true;
    output.reasoningMarker(input.recorded);
    const ending = yield* input.until(messageEnds, output.reasoning);
    output.inReasoning = ending === undefined;
    if (ending === end) output.reasoningMarker(input.take(end.length));
  } else {
    output.marker(input.recorded);
    yield* input.until(messageEnds, output.content);
  }
}

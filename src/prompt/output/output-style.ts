import type { CallWriter } from './call-writer.js';
import type { OutputWriter } from './output-writer.js';
import type { Reading, TextInput } from './text-input.js';

/** What a grammar reads from, and writes to. */
export interface OutputParts {
  readonly input: TextInput;
  readonly output: OutputWriter;
  readonly calls: CallWriter;
  /** Tools were offered; otherwise what looks like a call is content. */
  readonly hasTools: boolean;
  /** The prompt has begun the reasoning already. */
  readonly reasoningOpen: boolean;
}

/** How a family writes reasoning. */
export interface ReasoningMarks {
  readonly open: string;
  readonly close: string;
  /** What is written to end reasoning that has become too long: its close, and what comes with it. */
  readonly closing: string;
  /** It can begin anywhere in the output, not only with it. */
  readonly anywhere?: boolean;
  /** Other texts that it does not have: they would end it, and begin something else. */
  readonly breaks?: readonly string[];
  /** A tool call ends it too: models of the family forget to close it. */
  readonly endsWithCalls?: boolean;
}

/** The grammar of a family's output: reasoning, content, and tool calls that begin with a marker. */
export interface OutputStyle {
  readonly reasoning?: ReasoningMarks;
  /** What tool calls can begin with; none the beginning of another. */
  readonly openings: readonly string[];
  /**
   * Reads calls from their opening on, which is not taken yet, nor the white space before it, but is part of the call's
   * text. Leaves what is no call to the content.
   * @returns whether what follows is white space first, which belongs to nothing
   */
  readCalls(parts: OutputParts, opening: string): Reading<boolean>;
  /** Reads calls that begin without a marker, at the beginning of the output. */
  readonly readFirst?: (parts: OutputParts) => Reading<boolean>;
}

/** Reads an output to its end. */
export function* readOutput(parts: OutputParts, style: OutputStyle): Reading<void> {
  const { input, output, calls, hasTools } = parts;
  const { reasoning } = style;
  let isBetween = reasoning !== undefined && (yield* readFirstReasoning(parts, reasoning, style));
  if (hasTools && style.readFirst !== undefined) isBetween = (yield* style.readFirst(parts)) || isBetween;
  const openings = hasTools ? style.openings : [];
  const markers = reasoning?.anywhere === true ? [...openings, reasoning.open, reasoning.close] : openings;
  for (;;) {
    if (isBetween) output.marker(yield* input.spaces());
    const marker = yield* input.until(markers, output.content, { trim: markers.length > 0 });
    if (marker === undefined) return;
    if (marker === reasoning?.open) isBetween = yield* readReasoning(parts, reasoning, style);
    else if (marker === reasoning?.close) {
      output.reasoningMarker((yield* input.spaces()) + input.take(marker.length));
      isBetween = output.splitsReasoning;
    } else {
      calls.begin();
      isBetween = yield* style.readCalls(parts, marker);
    }
  }
}

/** Reasoning at the beginning of an output. @returns whether white space behind it belongs to nothing */
function* readFirstReasoning(
  parts: OutputParts,
  marks: ReasoningMarks,
  style: OutputStyle,
): Reading<boolean> {
  const { input, output } = parts;
  if (parts.reasoningOpen) {
    yield* readReasoningText(parts, marks, style);
    return output.splitsReasoning;
  }
  const marker = yield* input.chooseBehindSpaces([marks.open, marks.close]);
  if (marker === undefined) return false;
  if (marker === marks.open) return yield* readReasoning(parts, marks, style);
  output.reasoningMarker((yield* input.spaces()) + input.take(marker.length));
  return output.splitsReasoning;
}

function* readReasoning(parts: OutputParts, marks: ReasoningMarks, style: OutputStyle): Reading<boolean> {
  const { input, output } = parts;
  output.reasoningMarker((yield* input.spaces()) + input.take(marks.open.length));
  yield* readReasoningText(parts, marks, style);
  return output.splitsReasoning;
}

function* readReasoningText(parts: OutputParts, marks: ReasoningMarks, style: OutputStyle): Reading<void> {
  const { input, output, hasTools } = parts;
  output.inReasoning = true;
  output.reasoningMarker(yield* input.spaces());
  const endings = marks.endsWithCalls === true && hasTools ? style.openings : [];
  const end = yield* input.until([marks.close, ...endings], output.reasoning, { trim: true });
  if (end === undefined) return;
  if (end === marks.close) output.reasoningMarker((yield* input.spaces()) + input.take(end.length));
  output.inReasoning = false;
}

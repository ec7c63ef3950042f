import type { OutputBlock } from '../../prompt/output/output-blocks.js';
import { textOf } from '../../prompt/output/output-blocks.js';
import type { OutputEvent } from '../../prompt/output/output-event.js';
import type { AnswerEnd, AnswerPiece } from '../answer.js';
import type { AnswerFormat, WholeChoice } from '../answer-format.js';
import type { StreamEvent } from '../sse-writer.js';
import { ollamaErrorBody } from './error-body.js';
import type { RequestClock } from './request-clock.js';

/** What a line says of the answer, or the whole of it. */
export interface TextPart {
  readonly content: string;
  readonly thinking?: string;
  readonly calls?: readonly ToolCall[];
}

export interface ToolCall {
  readonly id: string;
  readonly function: { readonly index: number; readonly name: string; readonly arguments: unknown };
}

/**
 * An answer as lines of JSON objects, of which the last one has the counts and times, or as one such object.
 * @param model as the client said it
 * @param fields how an endpoint writes a part
 */
export function textFormat(
  model: string,
  clock: RequestClock,
  fields: (part: TextPart) => object,
): AnswerFormat {
  let end: AnswerEnd | undefined;
  const warnings: string[] = [];
  const calls = new CallReader();
  const line = (part: TextPart): StreamEvent => ({
    data: { ...head(model), ...fields(part), done: false },
  });
  const last = (part: TextPart, reason: AnswerEnd['reason'], told: readonly string[]): object => ({
    ...head(model),
    ...fields(part),
    done: true,
    done_reason: reason,
    ...clock.timings,
    ...(told.length === 0 ? {} : { warnings: told }),
  });
  return {
    opening: () => [],
    piece({ events, end: ended }: AnswerPiece) {
      end = ended ?? end;
      return events.flatMap((event) => {
        if (event.kind === 'warning') warnings.push(event.message);
        const part = partOf(event) ?? calls.read(event);
        return part === undefined ? [] : [line(part)];
      });
    },
    closing: () => [{ data: last({ content: '' }, end?.reason ?? 'stop', warnings) }],
    failure: (error) => [{ data: ollamaErrorBody(error) }],
    whole([choice]: readonly WholeChoice[]) {
      const { blocks = [], end: ended, warnings: told = [] } = choice ?? {};
      return last(partOfBlocks(blocks), ended?.reason ?? 'stop', told);
    },
  };
}

/** What every answer begins with. */
export function head(model: string): { readonly model: string; readonly created_at: string } {
  return { model, created_at: new Date().toISOString() };
}

function partOf(event: OutputEvent): TextPart | undefined {
  if (event.kind === 'content') return { content: event.text };
  return event.kind === 'reasoning' ? { content: '', thinking: event.text } : undefined;
}

function partOfBlocks(blocks: readonly OutputBlock[]): TextPart {
  const thinking = textOf(blocks, 'reasoning');
  const calls = blocks
    .flatMap((block) => (block.kind === 'tool-call' ? [block] : []))
    .map(({ id, name, arguments: text }, index) => toolCall(index, id, name, text));
  return {
    content: textOf(blocks, 'content'),
    ...(thinking === '' ? {} : { thinking }),
    ...(calls.length === 0 ? {} : { calls }),
  };
}

/** Puts the events of tool calls together: a call is told when it is whole. */
class CallReader {
  #name = '';
  #id = '';
  #arguments = '';
  #count = 0;

  read(event: OutputEvent): TextPart | undefined {
    if (event.kind === 'tool-call') {
      this.#name = event.name;
      this.#id = event.id;
      this.#arguments = '';
    }
    if (event.kind === 'tool-arguments') this.#arguments += event.text;
    if (event.kind !== 'tool-call-end' || event.outcome !== 'complete') return undefined;
    return { content: '', calls: [toolCall(this.#count++, this.#id, this.#name, this.#arguments)] };
  }
}

/** @param text a JSON object: calls that are cut off do not come here, `wholeCalls` sees to that */
function toolCall(index: number, id: string, name: string, text: string): ToolCall {
  return { id, function: { index, name, arguments: JSON.parse(text) as unknown } };
}

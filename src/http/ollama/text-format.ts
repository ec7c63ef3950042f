import type { TokenLikelihood } from '../../core/likelihood.js';
import type { OutputBlock } from '../../prompt/output/output-blocks.js';
import { textOf } from '../../prompt/output/output-blocks.js';
import type { OutputEvent } from '../../prompt/output/output-event.js';
import type { AnswerEnd, AnswerPiece } from '../answer.js';
import type { AnswerFormat, WholeChoice } from '../answer-format.js';
import type { StreamEvent } from '../sse-writer.js';
import { ollamaErrorBody } from './error-body.js';
import { logProbabilitiesField } from './log-probabilities.js';
import type { RequestClock } from './request-clock.js';

/** What a line says of the answer, or the whole of it. */
export interface TextPart {
  readonly content: string;
  readonly thinking?: string;
  readonly calls?: readonly ToolCall[];
}

/** What the last line has, or the whole answer. */
interface Ending {
  readonly part: TextPart;
  readonly reason: AnswerEnd['reason'];
  readonly told: readonly string[];
  readonly likelihoods: readonly TokenLikelihood[];
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
  /** They go with the next line. */
  const untold: TokenLikelihood[] = [];
  const line = (part: TextPart): StreamEvent => ({
    data: { ...head(model), ...fields(part), ...logProbabilitiesField(untold.splice(0)), done: false },
  });
  const last = ({ part, reason, told, likelihoods }: Ending): object => ({
    ...head(model),
    ...fields(part),
    ...logProbabilitiesField(likelihoods),
    done: true,
    done_reason: reason,
    ...clock.timings,
    ...(told.length === 0 ? {} : { warnings: told }),
  });
  return {
    opening: () => [],
    piece({ events, likelihoods = [], end: ended }: AnswerPiece) {
      end = ended ?? end;
      untold.push(...likelihoods);
      return events.flatMap((event) => {
        if (event.kind === 'warning') warnings.push(event.message);
        const part = partOf(event) ?? calls.read(event);
        return part === undefined ? [] : [line(part)];
      });
    },
    closing: () => [
      {
        data: last({
          part: { content: '' },
          reason: end?.reason ?? 'stop',
          told: warnings,
          likelihoods: untold,
        }),
      },
    ],
    failure: (error) => [{ data: ollamaErrorBody(error) }],
    whole([choice]: readonly WholeChoice[]) {
      const { blocks = [], end: ended, warnings: told = [], likelihoods = [] } = choice ?? {};
      return last({ part: partOfBlocks(blocks), reason: ended?.reason ?? 'stop', told, likelihoods });
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

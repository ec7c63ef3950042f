import type { HeddleError } from '../../../core/errors.js';
import type { OutputBlock } from '../../../prompt/output/output-blocks.js';
import type { OutputEvent } from '../../../prompt/output/output-event.js';
import type { AnswerEnd, AnswerPiece, Usage } from '../../answer.js';
import type { AnswerFormat, WholeChoice } from '../../answer-format.js';
import type { StreamEvent } from '../../sse-writer.js';
import { errorBody } from '../error-body.js';
import type { OutputItem } from './item.js';
import { OutputEvents, type ResponseEvent } from './output-events.js';
import { responseBody, seconds, type ResponseProgress } from './response-body.js';
import type { ResponsesBody } from './responses-schema.js';

interface ResponsesFormatOptions {
  readonly id: string;
  readonly asked: ResponsesBody;
  /** Called with a response that has ended well, before it is told. */
  readonly keep: (body: object, said: readonly OutputItem[]) => void;
}

/** An answer as `POST /v1/responses` writes it. */
export function responsesFormat({ id, asked, keep }: ResponsesFormatOptions): AnswerFormat {
  const head = { id, asked, createdAt: seconds() };
  const output = new OutputEvents();
  let end: AnswerEnd | undefined;
  let sequence = 0;
  const numbered = ({ type, ...fields }: ResponseEvent): StreamEvent => ({
    name: type,
    data: { type, sequence_number: sequence++, ...fields },
  });
  const told = (type: string, progress: ResponseProgress): StreamEvent =>
    numbered({ type, response: responseBody(head, progress) });
  const ended = (reason: AnswerEnd, usage: Usage): object => {
    const { output: items, warnings } = output;
    const body = responseBody(head, { status: 'ended', end: reason, output: items, usage, warnings });
    keep(body, output.said);
    return body;
  };
  return {
    opening: () => [
      told('response.created', { status: 'in_progress' }),
      told('response.in_progress', { status: 'in_progress' }),
    ],
    piece(piece: AnswerPiece) {
      const events = output.add(piece.events, piece.contentLikelihoods);
      if (piece.end === undefined) return events.map(numbered);
      end = piece.end;
      return [...events, ...output.end(end.reason)].map(numbered);
    },
    closing(usage) {
      if (end === undefined) return []; // the client has gone
      const type = end.reason === 'stop' ? 'response.completed' : 'response.incomplete';
      return [numbered({ type, response: ended(end, usage) })];
    },
    failure(error: HeddleError) {
      const items = output.end('length').map(numbered);
      const failed = told('response.failed', { status: 'failed', error, output: output.output });
      const { code, message, param = null } = error;
      // With `error` in it, the official clients throw it.
      return [...items, failed, numbered({ type: 'error', code, message, param, ...errorBody(error) })];
    },
    whole([choice]: readonly WholeChoice[], usage) {
      const { blocks = [], warnings = [], end: reason = { reason: 'stop' as const } } = choice ?? {};
      output.add(blocks.flatMap(eventsOf), choice?.contentLikelihoods);
      output.warn(warnings);
      output.end(reason.reason);
      return ended(reason, usage);
    },
  };
}

/** A part of a whole output as the events that it was made of. */
function eventsOf(block: OutputBlock, index: number): OutputEvent[] {
  if (block.kind !== 'tool-call') return [block];
  const { id, name, arguments: text } = block;
  return [
    { kind: 'tool-call', index, id, name },
    { kind: 'tool-arguments', index, text },
    { kind: 'tool-call-end', index, outcome: isObject(text) ? 'complete' : 'cut', raw: '' },
  ];
}

/** Arguments that are no whole object were cut off. */
function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

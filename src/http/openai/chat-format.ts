import type { OutputEvent } from '../../prompt/output/output-event.js';
import { textOf, type OutputBlock } from '../../prompt/output/output-blocks.js';
import type { AnswerEnd, AnswerPiece, Usage } from '../answer.js';
import type { AnswerFormat, WholeChoice } from '../answer-format.js';
import type { StreamEvent } from '../sse-writer.js';
import { errorBody } from './error-body.js';
import { usageBody } from './usage.js';

interface ChatFormatOptions {
  readonly id: string;
  /** As the client said it. */
  readonly model: string;
  readonly includeUsage: boolean;
}

/** An answer as `POST /v1/chat/completions` writes it. */
export function chatFormat({ id, model, includeUsage }: ChatFormatOptions): AnswerFormat {
  const created = Math.floor(Date.now() / 1000);
  /** What is told with the end of a choice; by choice. */
  const told = new Map<number, { hasCalls: boolean; warnings: string[] }>();
  const toldOf = (choice: number): { hasCalls: boolean; warnings: string[] } => {
    const known = told.get(choice) ?? { hasCalls: false, warnings: [] };
    told.set(choice, known);
    return known;
  };
  const chunk = (choices: object[], usage: object | null = null): StreamEvent => ({
    data: {
      id,
      object: 'chat.completion.chunk',
      created,
      model,
      choices,
      ...(includeUsage ? { usage } : {}),
    },
  });
  const delta = (index: number, fields: object, last: object = { finish_reason: null }): StreamEvent =>
    chunk([{ index, delta: fields, logprobs: null, ...last }]);
  return {
    opening: (choices) =>
      Array.from({ length: choices }, (_, choice) => delta(choice, { role: 'assistant', content: '' })),
    piece({ choice, events, end }: AnswerPiece) {
      const known = toldOf(choice);
      const deltas = events.flatMap((event) => {
        if (event.kind === 'warning') known.warnings.push(event.message);
        if (event.kind === 'tool-call-end' && event.outcome !== 'malformed') known.hasCalls = true;
        const fields = deltaOf(event);
        return fields === undefined ? [] : [delta(choice, fields)];
      });
      if (end === undefined) return deltas;
      const last = { finish_reason: finishReason(end, known.hasCalls), ...warningsField(known.warnings) };
      return [...deltas, delta(choice, {}, last)];
    },
    closing: (usage) => [...(includeUsage ? [chunk([], usageBody(usage))] : []), { data: '[DONE]' }],
    failure: (error) => [{ data: errorBody(error) }],
    whole: (choices: readonly WholeChoice[], usage: Usage) => ({
      id,
      object: 'chat.completion',
      created,
      model,
      choices: choices.map(({ blocks, end, warnings }, index) => ({
        index,
        message: messageOf(blocks),
        logprobs: null,
        finish_reason: finishReason(
          end,
          blocks.some(({ kind }) => kind === 'tool-call'),
        ),
        ...warningsField(warnings),
      })),
      usage: usageBody(usage),
    }),
  };
}

/** Undefined for what is of no interest to clients. */
function deltaOf(event: OutputEvent): object | undefined {
  switch (event.kind) {
    case 'content':
      return { content: event.text };
    case 'reasoning':
      return { reasoning_content: event.text };
    case 'tool-call': {
      const { index, id, name } = event;
      return { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] };
    }
    case 'tool-arguments':
      return { tool_calls: [{ index: event.index, function: { arguments: event.text } }] };
    case 'tool-call-end':
    case 'marker':
    case 'warning':
      return undefined;
  }
}

function messageOf(blocks: readonly OutputBlock[]): object {
  const content = textOf(blocks, 'content');
  const reasoning = textOf(blocks, 'reasoning');
  const calls = blocks.flatMap((block) =>
    block.kind === 'tool-call'
      ? [{ id: block.id, type: 'function', function: { name: block.name, arguments: block.arguments } }]
      : [],
  );
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    refusal: null,
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function finishReason({ reason }: AnswerEnd, hasCalls: boolean): string {
  return reason === 'stop' && hasCalls ? 'tool_calls' : reason;
}

function warningsField(warnings: readonly string[]): object {
  return warnings.length === 0 ? {} : { warnings };
}

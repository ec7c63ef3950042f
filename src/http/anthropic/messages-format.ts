import type { OutputBlock } from '../../prompt/output/output-blocks.js';
import type { AnswerEnd, Usage } from '../answer.js';
import type { AnswerFormat, WholeChoice } from '../answer-format.js';
import type { StreamEvent } from '../sse-writer.js';
import { BlockStream, type ApiEvent } from './block-stream.js';
import { textBlock, thinkingBlock, toolUseBlock, type BlockOptions } from './content-block.js';
import { readCutObject } from './cut-json.js';
import { anthropicErrorBody } from './error-body.js';
import { deltaUsageBody, usageBody } from './usage-body.js';

interface MessagesFormatOptions extends BlockOptions {
  readonly id: string;
  /** As the client said it. */
  readonly model: string;
  readonly requestId: string;
  /** Tokens to generate at most, as the client said it: an answer that ends before has filled the context. */
  readonly maxTokens: number;
  /** For how long the client wants the prompt to be kept. */
  readonly ttl: '5m' | '1h';
}

/** An answer as `POST /v1/messages` writes it. There is one choice. */
export function messagesFormat(options: MessagesFormatOptions): AnswerFormat {
  const { id, model, requestId, maxTokens, ttl } = options;
  const blocks = new BlockStream(options);
  let last: AnswerEnd = { reason: 'stop' };
  const message = (content: readonly object[], stop: object, usage: Usage): object => ({
    id,
    type: 'message',
    role: 'assistant',
    model,
    content,
    container: null,
    diagnostics: null,
    ...stop,
    usage: usageBody(usage, ttl),
  });
  return {
    opening: (_, usage) => [
      event({ type: 'message_start', message: message([], { ...noStop, stop_details: null }, usage) }),
    ],
    piece({ events, end }) {
      const written = blocks.add(events);
      if (end === undefined) return written.map(event);
      last = end;
      return [...written, ...blocks.end()].map(event);
    },
    ping: () => event({ type: 'ping' }),
    closing: (usage) => [
      event({
        type: 'message_delta',
        delta: {
          ...stopOf(last, { hasCalls: blocks.hasCalls, isFull: usage.completionTokens < maxTokens }),
          stop_details: null,
          container: null,
        },
        usage: deltaUsageBody(usage),
      }),
      event({ type: 'message_stop' }),
    ],
    failure: (error) => [event(anthropicErrorBody(error, requestId))],
    whole([choice]: readonly WholeChoice[], usage: Usage) {
      const { blocks: written = [], end = last } = choice ?? {};
      const hasCalls = written.some(({ kind }) => kind === 'tool-call');
      const isFull = usage.completionTokens < maxTokens;
      const stop = { ...stopOf(end, { hasCalls, isFull }), stop_details: null };
      return message(
        written.map((block) => contentBlock(block, options)),
        stop,
        usage,
      );
    },
  };
}

const noStop = { stop_reason: null, stop_sequence: null };

/** Events are named by their type. */
function event(data: ApiEvent): StreamEvent {
  return { name: data.type, data };
}

/** @param known.isFull the context was, if the answer ended by its length */
function stopOf(
  { reason, stopString }: AnswerEnd,
  known: { readonly hasCalls: boolean; readonly isFull: boolean },
): object {
  if (reason === 'length')
    return { ...noStop, stop_reason: known.isFull ? 'model_context_window_exceeded' : 'max_tokens' };
  if (known.hasCalls) return { ...noStop, stop_reason: 'tool_use' };
  if (stopString !== undefined) return { stop_reason: 'stop_sequence', stop_sequence: stopString };
  return { ...noStop, stop_reason: 'end_turn' };
}

function contentBlock(block: OutputBlock, options: BlockOptions): object {
  switch (block.kind) {
    case 'content':
      return textBlock(block.text);
    case 'reasoning':
      return thinkingBlock(block.text, options);
    case 'tool-call':
      return toolUseBlock(block, readCutObject(block.arguments));
  }
}

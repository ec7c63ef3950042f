import type { TokenLikelihood } from '../../core/likelihood.js';
import type { OutputEvent } from '../../prompt/output/output-event.js';
import { textOf, type OutputBlock } from '../../prompt/output/output-blocks.js';
import type { AnswerEnd, AnswerPiece, Usage } from '../answer.js';
import type { AnswerFormat, WholeChoice } from '../answer-format.js';
import type { StreamEvent } from '../sse-writer.js';
import { chatLogProbabilities } from './chat-log-probabilities.js';
import { errorBody } from './error-body.js';
import { usageBody } from './usage.js';

interface ChatFormatOptions {
  readonly id: string;
  /** As the client said it. */
  readonly model: string;
  readonly fingerprint: string;
  /** Absent where the request named none. */
  readonly tier: string | undefined;
  /** Log-probabilities are told. */
  readonly likelihoods: boolean;
  readonly includeUsage: boolean;
}

/** What is known of a choice and told with its end, or with its next event. */
interface Untold {
  hasCalls: boolean;
  readonly warnings: string[];
  /** Of text that the parser holds back, too. */
  readonly likelihoods: TokenLikelihood[];
}

/** An answer as `POST /v1/chat/completions` writes it. */
export function chatFormat(options: ChatFormatOptions): AnswerFormat {
  const { id, model, includeUsage } = options;
  const created = Math.floor(Date.now() / 1000);
  const served = {
    system_fingerprint: options.fingerprint,
    ...(options.tier === undefined ? {} : { service_tier: options.tier }),
  };
  const logprobs = (likelihoods: readonly TokenLikelihood[]): object | null =>
    options.likelihoods ? chatLogProbabilities(likelihoods) : null;
  /** By choice. */
  const told = new Map<number, Untold>();
  const toldOf = (choice: number): Untold => {
    const known = told.get(choice) ?? { hasCalls: false, warnings: [], likelihoods: [] };
    told.set(choice, known);
    return known;
  };
  const chunk = (choices: object[], usage: object | null = null): StreamEvent => ({
    data: {
      id,
      object: 'chat.completion.chunk',
      created,
      model,
      ...served,
      choices,
      ...(includeUsage ? { usage } : {}),
    },
  });
  const delta = (index: number, fields: object, more: object = {}): StreamEvent =>
    chunk([{ index, delta: fields, logprobs: null, finish_reason: null, ...more }]);
  return {
    opening: (choices) =>
      Array.from({ length: choices }, (_, choice) => delta(choice, { role: 'assistant', content: '' })),
    piece({ choice, events, likelihoods = [], end }: AnswerPiece) {
      const known = toldOf(choice);
      known.likelihoods.push(...likelihoods);
      /** They go with the first event that there is. */
      const withLikelihoods = (): object =>
        known.likelihoods.length === 0 ? {} : { logprobs: logprobs(known.likelihoods.splice(0)) };
      const deltas = events.flatMap((event) => {
        if (event.kind === 'warning') known.warnings.push(event.message);
        if (event.kind === 'tool-call-end' && event.outcome !== 'malformed') known.hasCalls = true;
        const fields = deltaOf(event);
        return fields === undefined ? [] : [delta(choice, fields, withLikelihoods())];
      });
      if (end === undefined) return deltas;
      const reason = finishReason(end, known.hasCalls);
      const last = { ...withLikelihoods(), finish_reason: reason, ...warningsField(known.warnings) };
      return [...deltas, delta(choice, {}, last)];
    },
    closing: (usage) => [...(includeUsage ? [chunk([], usageBody(usage))] : []), { data: '[DONE]' }],
    failure: (error) => [{ data: errorBody(error) }],
    whole: (choices: readonly WholeChoice[], usage: Usage) => ({
      id,
      object: 'chat.completion',
      created,
      model,
      ...served,
      choices: choices.map(({ blocks, likelihoods, end, warnings }, index) => ({
        index,
        message: messageOf(blocks),
        logprobs: logprobs(likelihoods),
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

import type { TokenLikelihood } from '../../core/likelihood.js';
import { textOf } from '../../prompt/output/output-blocks.js';
import type { AnswerPiece, Usage } from '../answer.js';
import type { AnswerFormat, WholeChoice } from '../answer-format.js';
import type { StreamEvent } from '../sse-writer.js';
import { choicesOf, type CompletionsBody } from './completions-schema.js';
import type { Echo } from './echo.js';
import { errorBody } from './error-body.js';
import {
  echoedLogProbabilities,
  joinLogProbabilities,
  TextLogProbabilityColumns,
  type TextLogProbabilities,
} from './text-log-probabilities.js';
import { characters } from './token-text.js';
import { usageBody } from './usage.js';

interface CompletionsFormatOptions {
  readonly id: string;
  readonly fingerprint: string;
  /** Of each prompt, where they are to be said again. */
  readonly echoes: readonly Echo[];
}

/** An answer as `POST /v1/completions` writes it: events and whole answers have one shape. */
export function completionsFormat(
  body: CompletionsBody,
  { id, fingerprint, echoes }: CompletionsFormatOptions,
): AnswerFormat {
  const includeUsage = body.stream_options?.include_usage === true;
  const made = choicesOf(body);
  const head = {
    id,
    object: 'text_completion',
    created: Math.floor(Date.now() / 1000),
    model: body.model,
    system_fingerprint: fingerprint,
  };
  const chunk = (choices: object[], usage: object | null = null): StreamEvent => ({
    data: { ...head, choices, ...(includeUsage ? { usage } : {}) },
  });
  const echoOf = (choice: number): Echo | undefined => echoes[Math.floor(choice / made)];
  const echoed = ({ text, tokens }: Echo): TextLogProbabilities | null =>
    body.logprobs === undefined ? null : echoedLogProbabilities(text, tokens);
  const columns: TextLogProbabilityColumns[] = [];
  const columnsOf = (choice: number, tokens: readonly TokenLikelihood[]): TextLogProbabilities | null => {
    if (body.logprobs === undefined) return null;
    columns[choice] ??= new TextLogProbabilityColumns(characters(echoOf(choice)?.text ?? ''));
    return columns[choice].take(tokens);
  };
  const wholeChoice = (choice: number, { blocks, likelihoods, end }: WholeChoice): object => {
    const echo = echoOf(choice);
    const own = columnsOf(choice, likelihoods);
    const before = echo === undefined ? null : echoed(echo);
    return {
      text: (echo?.text ?? '') + textOf(blocks, 'content'),
      logprobs: before === null || own === null ? own : joinLogProbabilities([before, own]),
      finish_reason: end.reason,
    };
  };
  return {
    opening: (choices) =>
      Array.from({ length: choices }, (_, choice) => choice).flatMap((index) => {
        const echo = echoOf(index);
        if (echo === undefined) return [];
        return [chunk([{ index, text: echo.text, logprobs: echoed(echo), finish_reason: null }])];
      }),
    piece({ choice: index, events, likelihoods = [], end }: AnswerPiece) {
      const text = events.map((event) => (event.kind === 'content' ? event.text : '')).join('');
      const told: StreamEvent[] = [];
      if (text !== '' || likelihoods.length > 0) {
        const logprobs = columnsOf(index, likelihoods);
        told.push(chunk([{ index, text, logprobs, finish_reason: null }]));
      }
      if (end !== undefined)
        told.push(chunk([{ index, text: '', logprobs: null, finish_reason: end.reason }]));
      return told;
    },
    closing: (usage) => [...(includeUsage ? [chunk([], usageBody(usage))] : []), { data: '[DONE]' }],
    failure: (error) => [{ data: errorBody(error) }],
    whole(choices: readonly WholeChoice[], usage: Usage) {
      const answered: object[] = [];
      for (let first = 0; first < choices.length; first += made)
        for (const [at, choice] of best(choices.slice(first, first + made), body.n))
          answered.push({ index: answered.length, ...wholeChoice(first + at, choice) });
      return { ...head, choices: answered, usage: usageBody(usage) };
    },
  };
}

/** The choices with the highest log-probability per token, the best first, with their indices; of all, in their order. */
function best(choices: readonly WholeChoice[], count: number): [index: number, choice: WholeChoice][] {
  const indexed = [...choices.entries()];
  if (choices.length <= count) return indexed;
  return indexed
    .toSorted(([one, left], [other, right]) => perToken(right) - perToken(left) || one - other)
    .slice(0, count);
}

/** Of a choice without tokens nothing is known: it is the last to be chosen. */
function perToken({ likelihoods }: WholeChoice): number {
  if (likelihoods.length === 0) return Number.NEGATIVE_INFINITY;
  return likelihoods.reduce((sum, one) => sum + one.logProbability, 0) / likelihoods.length;
}

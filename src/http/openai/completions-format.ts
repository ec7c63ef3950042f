import type { FinishReason } from '../../core/generation.js';
import type { TokenLikelihood } from '../../core/likelihood.js';
import type { Usage } from './answer.js';
import { choicesOf, type CompletionsBody } from './completions-schema.js';
import type { Echo } from './echo.js';
import type { AnswerFormat, WholeChoice } from './serve-completion.js';
import {
  echoedLogProbabilities,
  joinLogProbabilities,
  TextLogProbabilityColumns,
  type TextLogProbabilities,
} from './text-log-probabilities.js';
import { characters } from './token-text.js';

/** Answers of `POST /v1/completions`: events and whole answers have one shape. */
export class CompletionsFormat implements AnswerFormat {
  readonly #body: CompletionsBody;
  readonly #head: object;
  readonly #echoes: readonly Echo[];
  readonly #columns: TextLogProbabilityColumns[] = [];

  /** @param parts.echoes of each prompt, where they are to be said again */
  constructor(
    body: CompletionsBody,
    parts: { readonly id: string; readonly fingerprint: string; readonly echoes: readonly Echo[] },
  ) {
    this.#body = body;
    this.#echoes = parts.echoes;
    this.#head = {
      id: parts.id,
      object: 'text_completion',
      created: Math.floor(Date.now() / 1000),
      model: body.model,
      system_fingerprint: parts.fingerprint,
    };
  }

  opening(choice: number): object | undefined {
    const echo = this.#echoOf(choice);
    if (echo === undefined) return undefined;
    return this.#chunk([choiceObject(choice, echo.text, this.#echoed(echo), null)]);
  }

  delta(choice: number, text: string, likelihoods: readonly TokenLikelihood[] = []): object {
    return this.#chunk([choiceObject(choice, text, this.#columnsOf(choice, likelihoods), null)]);
  }

  finish(choice: number, reason: FinishReason): object {
    return this.#chunk([choiceObject(choice, '', null, reason)]);
  }

  usage(usage: Usage): object {
    return this.#chunk([], usage);
  }

  whole(choices: readonly WholeChoice[], usage: Usage): object {
    const made = choicesOf(this.#body);
    const answered: object[] = [];
    for (let first = 0; first < choices.length; first += made) {
      for (const at of best(choices.slice(first, first + made), this.#body.n)) {
        const choice = first + at;
        const { text = '', reason = 'stop', likelihoods = [] } = choices[choice] ?? {};
        const echo = this.#echoOf(choice);
        const columns = [echo && this.#echoed(echo), this.#columnsOf(choice, likelihoods)];
        const known = columns.filter((one) => one !== undefined && one !== null);
        const logprobs = known.length === 0 ? null : joinLogProbabilities(known);
        answered.push(choiceObject(answered.length, (echo?.text ?? '') + text, logprobs, reason));
      }
    }
    return { ...this.#head, choices: answered, usage };
  }

  #chunk(choices: object[], usage: Usage | null = null): object {
    const { stream_options } = this.#body;
    return { ...this.#head, choices, ...(stream_options?.include_usage === true ? { usage } : {}) };
  }

  #echoOf(choice: number): Echo | undefined {
    return this.#echoes[Math.floor(choice / choicesOf(this.#body))];
  }

  #echoed({ text, tokens }: Echo): TextLogProbabilities | null {
    return this.#body.logprobs === undefined ? null : echoedLogProbabilities(text, tokens);
  }

  #columnsOf(choice: number, likelihoods: readonly TokenLikelihood[]): TextLogProbabilities | null {
    if (this.#body.logprobs === undefined) return null;
    const offset = characters(this.#echoOf(choice)?.text ?? '');
    this.#columns[choice] ??= new TextLogProbabilityColumns(offset);
    return this.#columns[choice].take(likelihoods);
  }
}

function choiceObject(
  index: number,
  text: string,
  logprobs: TextLogProbabilities | null,
  finish_reason: FinishReason | null,
): object {
  return { index, text, logprobs, finish_reason };
}

/** Indices of the choices with the highest log-probability per token, the best first; of all, in their order. */
function best(choices: readonly WholeChoice[], count: number): number[] {
  const indices = [...choices.keys()];
  if (choices.length <= count) return indices;
  const perToken = choices.map(({ likelihoods }) => {
    const sum = likelihoods.reduce((total, { logProbability }) => total + logProbability, 0);
    return likelihoods.length === 0 ? -Infinity : sum / likelihoods.length;
  });
  return indices
    .toSorted((one, other) => (perToken[other] ?? 0) - (perToken[one] ?? 0) || one - other)
    .slice(0, count);
}

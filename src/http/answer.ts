import { toHeddleError, type HeddleError } from '../core/errors.js';
import type { ChoiceUpdate, GenerateRequest } from '../core/generation.js';
import type { TokenLikelihood } from '../core/likelihood.js';
import type { Engine, Generation, GenerationUpdate, RequestObserver } from '../engine/engine.js';
import type { OutputEvent } from '../prompt/output/output-event.js';
import type { OutputParser } from '../prompt/output/output-parser.js';
import { Arrivals } from './arrivals.js';
import { ContentLikelihoods, type PlacedLikelihood } from './content-likelihoods.js';

/** A prompt of an API request. */
export interface AnswerPrompt {
  readonly request: GenerateRequest;
  /** Reads one choice of it. */
  readonly newParser: () => OutputParser;
  /** Nothing is to be generated, and so nothing is asked of the engine; the prompt has so many tokens. */
  readonly promptTokens?: number;
  /** A choice ends with its first tool call. */
  readonly endsWithCall?: boolean;
  /** Hears what becomes of it when that becomes known, however slow the client is. */
  readonly observer?: RequestObserver;
  /** Text of the prompt behind all that its client marks as worth keeping; absent where nothing is marked. */
  readonly unmarked?: string;
}

/** Why a choice ended: an end token, a stop string (which one), or its length. A tool call is not an end of its own. */
export type AnswerEnd = NonNullable<ChoiceUpdate['finish']>;

/** What became known of one choice of an answer. */
export interface AnswerPiece {
  /** Counts over all prompts: prompt 0's choices come first. */
  readonly choice: number;
  readonly events: readonly OutputEvent[];
  /** Of the tokens whose text the parser was given, where the request asks for them. */
  readonly likelihoods?: readonly TokenLikelihood[];
  /** Of those so far, the ones of the content in `events`. */
  readonly contentLikelihoods?: readonly PlacedLikelihood[];
  /** Present on the last piece of the choice. */
  readonly end?: AnswerEnd;
}

/** Token counts of an answer. */
export interface Usage {
  readonly promptTokens: number;
  /** Of these, those that were not computed, since an earlier request had computed them. */
  readonly cachedTokens: number;
  /** Of the prompt, those behind all that its client marks as worth keeping; absent where nothing is marked. */
  readonly unmarkedTokens?: number;
  readonly completionTokens: number;
  /** Of these, those of reasoning and its markers. Tokens that came in one step count as one. */
  readonly reasoningTokens: number;
}

/** A choice while it is read. */
interface ReadChoice {
  readonly parser: OutputParser;
  /** Present where the request asks for likelihoods. */
  readonly likelihoods: ContentLikelihoods | undefined;
  tokens: number;
  reasoningTokens: number;
  hasEnded: boolean;
}

/** The generations of one API request, which may have several prompts with several choices each, as one stream. */
export class Answer {
  readonly #prompts: readonly AnswerPrompt[];
  /** By prompt; none of those for which nothing is generated. */
  readonly #generations: ReadonlyMap<number, Generation>;
  readonly #choices: readonly ReadChoice[];
  readonly #engine: Engine;
  /** Settled by what went wrong, if anything: an answer that fails for another reason does not wait for them. */
  readonly #unmarked: readonly Promise<number | HeddleError>[];
  #promptTokens: number;
  #cachedTokens = 0;
  #unmarkedTokens: number | undefined;

  /**
   * Queues all requests in the engine.
   * @throws HeddleError as `Engine.generate` does; nothing is left running then
   */
  constructor(engine: Engine, prompts: readonly AnswerPrompt[]) {
    const generations = new Map<number, Generation>();
    try {
      for (const [index, { request, promptTokens, observer }] of prompts.entries())
        if (promptTokens === undefined) generations.set(index, engine.generate(request, observer));
    } catch (error) {
      for (const generation of generations.values()) generation.cancel();
      throw error;
    }
    this.#engine = engine;
    this.#unmarked = prompts.flatMap(({ unmarked }) =>
      unmarked === undefined ? [] : [engine.tokenize(unmarked).then(({ length }) => length, toHeddleError)],
    );
    this.#prompts = prompts;
    this.#generations = generations;
    this.#promptTokens = prompts.reduce((sum, { promptTokens = 0 }) => sum + promptTokens, 0);
    this.#choices = prompts.flatMap(({ request, newParser }) =>
      Array.from({ length: request.choices }, () => ({
        parser: newParser(),
        likelihoods: request.likelihoods && new ContentLikelihoods(request.controlTokens ?? []),
        tokens: 0,
        reasoningTokens: 0,
        hasEnded: false,
      })),
    );
  }

  get choices(): number {
    return this.#choices.length;
  }

  /** Resolves when the engine has taken every prompt. @throws HeddleError when it refuses one */
  async accepted(): Promise<void> {
    for (const generation of this.#generations.values()) {
      const { value } = (await generation.next()) as { value: GenerationUpdate | undefined };
      if (value?.kind === 'accepted') this.#promptTokens += value.promptTokens;
    }
    for (const count of this.#unmarked) {
      const tokens = await count;
      if (typeof tokens !== 'number') throw tokens;
      this.#unmarkedTokens = (this.#unmarkedTokens ?? 0) + tokens;
    }
  }

  /** The pieces as they are made, of all prompts at once. @throws HeddleError when one fails */
  async *pieces(): AsyncGenerator<AnswerPiece> {
    yield* this.#emptyPieces();
    const next = async (prompt: number, generation: Generation) => ({
      prompt,
      generation,
      result: await generation.next(),
    });
    const arrivals = new Arrivals<Awaited<ReturnType<typeof next>>>();
    for (const [prompt, generation] of this.#generations) arrivals.add(next(prompt, generation));
    while (arrivals.open > 0) {
      const { prompt, generation, result } = await arrivals.next();
      if (result.done === true) continue;
      if (result.value.kind === 'started') this.#cachedTokens += result.value.cachedTokens;
      if (result.value.kind === 'choice') {
        const piece = this.#piece(prompt, result.value);
        if (piece !== undefined) yield piece;
      }
      // Asked for the next one only now that this one was taken: what a slow reader has not read waits in its generation.
      arrivals.add(next(prompt, generation));
    }
  }

  /** A number that stays the same while the engine, which may have others to work for, computes nothing. */
  get progress(): number {
    return this.#engine.stepEventCount;
  }

  /** What was counted so far; complete after the last piece. */
  get usage(): Usage {
    const sum = (count: (choice: ReadChoice) => number): number =>
      this.#choices.reduce((total, choice) => total + count(choice), 0);
    return {
      promptTokens: this.#promptTokens,
      cachedTokens: this.#cachedTokens,
      ...(this.#unmarkedTokens === undefined ? {} : { unmarkedTokens: this.#unmarkedTokens }),
      completionTokens: sum(({ tokens }) => tokens),
      reasoningTokens: sum(({ reasoningTokens }) => reasoningTokens),
    };
  }

  /** Stops whatever is still running. */
  cancel(): void {
    for (const generation of this.#generations.values()) generation.cancel();
  }

  *#emptyPieces(): Generator<AnswerPiece> {
    for (const [prompt, { promptTokens, request }] of this.#prompts.entries()) {
      if (promptTokens === undefined) continue;
      const first = this.#firstChoice(prompt);
      for (let index = 0; index < request.choices; index++)
        yield { choice: first + index, events: [], end: { reason: 'length' } };
    }
  }

  /** Undefined when there is nothing to tell. */
  #piece(prompt: number, update: ChoiceUpdate): AnswerPiece | undefined {
    const first = this.#firstChoice(prompt);
    const index = first + update.choice;
    const choice = this.#choices[index];
    if (choice === undefined || choice.hasEnded) return undefined;
    const { parser } = choice;
    const wasReasoning = parser.reasoning;
    const events = [...parser.push(update.text)];
    if (wasReasoning || parser.reasoning) choice.reasoningTokens += update.completionTokens - choice.tokens;
    choice.tokens = update.completionTokens;
    if (update.finish !== undefined) events.push(...parser.end(update.finish.reason));
    const call = this.#prompts[prompt]?.endsWithCall === true ? firstCall(events) : -1;
    const told = call < 0 ? events : events.slice(0, call + 1);
    const end = update.finish ?? (call < 0 ? undefined : ({ reason: 'stop' } as const));
    choice.hasEnded = end !== undefined;
    if (call >= 0 && this.#choicesOf(prompt).every(({ hasEnded }) => hasEnded))
      this.#generations.get(prompt)?.cancel();
    const { likelihoods = [] } = update;
    choice.likelihoods?.add(likelihoods);
    const contentLikelihoods = choice.likelihoods?.take(told) ?? [];
    if (told.length === 0 && likelihoods.length === 0 && end === undefined) return undefined;
    return {
      choice: index,
      events: told,
      ...(likelihoods.length === 0 ? {} : { likelihoods }),
      ...(contentLikelihoods.length === 0 ? {} : { contentLikelihoods }),
      ...(end === undefined ? {} : { end }),
    };
  }

  #firstChoice(prompt: number): number {
    return this.#prompts.slice(0, prompt).reduce((sum, { request }) => sum + request.choices, 0);
  }

  #choicesOf(prompt: number): readonly ReadChoice[] {
    const first = this.#firstChoice(prompt);
    return this.#choices.slice(first, first + (this.#prompts[prompt]?.request.choices ?? 0));
  }
}

/** The end of the first call that is whole; -1 where there is none. */
function firstCall(events: readonly OutputEvent[]): number {
  return events.findIndex((event) => event.kind === 'tool-call-end' && event.outcome === 'complete');
}

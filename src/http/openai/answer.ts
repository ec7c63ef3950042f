import type { FinishReason, GenerateRequest } from '../../core/generation.js';
import type { TokenLikelihood } from '../../core/likelihood.js';
import type { Engine, Generation, GenerationUpdate } from '../../engine/engine.js';

/** A piece of one choice of an answer. */
export interface AnswerPiece {
  /** Counts over all prompts: prompt 0's choices come first. */
  readonly choice: number;
  readonly text: string;
  /** Of the tokens of the text, where the request asks for them. */
  readonly likelihoods?: readonly TokenLikelihood[];
  readonly finishReason?: FinishReason;
}

/** Choices that are done before they are begun, because they are to have no tokens: there is no request for them. */
export interface EmptyChoices {
  readonly choices: number;
  /** Of all prompts. */
  readonly promptTokens: number;
}

/** Token counts of an answer, in the form of the OpenAI API. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  /** Prompt tokens that were not computed, since an earlier request had computed them. */
  readonly prompt_tokens_details: { readonly cached_tokens: number };
}

/** The generations of one API request, which may have several prompts with several choices each, as one stream. */
export class Answer {
  readonly #generations: readonly Generation[];
  readonly #choicesPerPrompt: number;
  readonly #completionTokens: number[];
  readonly #emptyChoices: number;
  #promptTokens: number;
  #cachedTokens = 0;

  /**
   * Queues all requests in the engine.
   * @throws HeddleError as `Engine.generate` does; nothing is left running then
   */
  constructor(engine: Engine, requests: readonly GenerateRequest[], empty?: EmptyChoices) {
    const generations: Generation[] = [];
    try {
      for (const request of requests) generations.push(engine.generate(request));
    } catch (error) {
      for (const generation of generations) generation.cancel();
      throw error;
    }
    this.#generations = generations;
    this.#choicesPerPrompt = requests[0]?.choices ?? 1;
    this.#emptyChoices = empty?.choices ?? 0;
    this.#promptTokens = empty?.promptTokens ?? 0;
    const choices = this.#emptyChoices + requests.length * this.#choicesPerPrompt;
    this.#completionTokens = Array.from({ length: choices }, () => 0);
  }

  get choices(): number {
    return this.#completionTokens.length;
  }

  /** Resolves when the engine has taken every prompt. @throws HeddleError when it refuses one */
  async accepted(): Promise<void> {
    for (const generation of this.#generations) {
      const { value } = (await generation.next()) as { value: GenerationUpdate | undefined };
      if (value?.kind === 'accepted') this.#promptTokens += value.promptTokens;
    }
  }

  /** The pieces as they are made, of all prompts at once. @throws HeddleError when one fails */
  async *pieces(): AsyncGenerator<AnswerPiece> {
    for (let choice = 0; choice < this.#emptyChoices; choice++)
      yield { choice, text: '', finishReason: 'length' };
    const next = async (prompt: number, generation: Generation) => ({
      prompt,
      generation,
      result: await generation.next(),
    });
    const waiting = new Map(
      this.#generations.map((generation, prompt) => [prompt, next(prompt, generation)]),
    );
    while (waiting.size > 0) {
      const { prompt, generation, result } = await Promise.race(waiting.values());
      if (result.done === true) {
        waiting.delete(prompt);
        continue;
      }
      if (result.value.kind === 'started') this.#cachedTokens += result.value.cachedTokens;
      if (result.value.kind === 'choice') yield this.#piece(prompt, result.value);
      // Asked for the next one only now that this one was taken: a promise nobody waits for yet must not reject.
      waiting.set(prompt, next(prompt, generation));
    }
  }

  /** What was counted so far; complete after the last piece. */
  get usage(): Usage {
    const completion = this.#completionTokens.reduce((sum, tokens) => sum + tokens, 0);
    return {
      prompt_tokens: this.#promptTokens,
      completion_tokens: completion,
      total_tokens: this.#promptTokens + completion,
      prompt_tokens_details: { cached_tokens: this.#cachedTokens },
    };
  }

  /** Stops whatever is still running. */
  cancel(): void {
    for (const generation of this.#generations) generation.cancel();
  }

  #piece(prompt: number, update: Extract<GenerationUpdate, { kind: 'choice' }>): AnswerPiece {
    const choice = this.#emptyChoices + prompt * this.#choicesPerPrompt + update.choice;
    this.#completionTokens[choice] = update.completionTokens;
    return {
      choice,
      text: update.text,
      ...(update.likelihoods === undefined ? {} : { likelihoods: update.likelihoods }),
      ...(update.finish === undefined ? {} : { finishReason: update.finish.reason }),
    };
  }
}

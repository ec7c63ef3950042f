import type { HeddleError } from '../core/errors.js';
import type { AcceptedUpdate, ChoiceUpdate, FinishReason } from '../core/generation.js';
import type { RequestObserver } from '../engine/engine.js';
import type { ModelCounts } from './model-counts.js';

interface TimedChoice {
  /** Of the first and the latest update with tokens; milliseconds. */
  first: number | undefined;
  latest: number;
  /** Tokens so far, and with the first update. */
  tokens: number;
  firstTokens: number;
}

/**
 * Times one request by the arrival of its updates. An update can be for several tokens: of those that make no whole
 * character, or may begin a stop string, the engine says nothing until there is text. The time is then shared evenly.
 */
export class TimedRequest implements RequestObserver {
  readonly #counts: ModelCounts;
  readonly #choices: readonly TimedChoice[];
  readonly #started: number;
  #promptTokens = 0;
  #computed = false;

  /** @param started when it was handed over, milliseconds of `performance.now()` */
  constructor(counts: ModelCounts, choices: number, started: number) {
    this.#counts = counts;
    this.#started = started;
    this.#choices = Array.from({ length: choices }, () => ({
      first: undefined,
      latest: started,
      tokens: 0,
      firstTokens: 0,
    }));
  }

  updated(update: AcceptedUpdate | ChoiceUpdate, now: number): void {
    if (update.kind === 'accepted') {
      this.#promptTokens = update.promptTokens;
      return;
    }
    const choice = this.#choices[update.choice];
    if (choice === undefined) return;
    if (!this.#computed) {
      this.#computed = true;
      this.#counts.promptTokens += this.#promptTokens;
    }
    this.#count(choice, update.completionTokens, now);
    if (update.finish !== undefined) this.#finish(choice, update.finish.reason, now);
  }

  failed(error: HeddleError): void {
    this.#counts.failed(error.code);
  }

  #count(choice: TimedChoice, completionTokens: number, now: number): void {
    const added = Math.max(0, completionTokens - choice.tokens);
    if (choice.first !== undefined && added === 0) return; // it only says that the choice has ended
    this.#counts.generationTokens += added;
    choice.tokens = completionTokens;
    if (choice.first === undefined) {
      choice.first = now;
      choice.firstTokens = completionTokens;
      this.#counts.firstToken((now - this.#started) / 1000);
    } else this.#counts.tokenGaps.observe((now - choice.latest) / added / 1000, added);
    choice.latest = now;
  }

  #finish(choice: TimedChoice, reason: FinishReason, now: number): void {
    this.#counts.finished({
      reason,
      promptTokens: this.#promptTokens,
      completionTokens: choice.tokens,
      duration: (now - this.#started) / 1000,
      decodeTime: (choice.latest - (choice.first ?? choice.latest)) / 1000,
      decodedTokens: choice.tokens - choice.firstTokens,
    });
  }
}

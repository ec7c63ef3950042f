import type { FinishReason, GenerateRequest } from '../core/generation.js';
import type { GenerationUpdate, RequestObserver } from '../engine/engine.js';
import type { ModelCounts } from './model-counts.js';

interface TimedChoice {
  /** Of the first and the latest update with tokens; milliseconds. */
  first: number | undefined;
  latest: number;
  /** Tokens so far, and with the first update. */
  tokens: number;
  firstTokens: number;
}

/** What of a request matters here. */
type TimedParts = Pick<GenerateRequest, 'choices' | 'cache'>;

/**
 * Times one request by the arrival of its updates. An update can be for several tokens: of those that make no whole
 * character, or may begin a stop string, the engine says nothing until there is text. The time is then shared evenly.
 */
export class TimedRequest implements RequestObserver {
  readonly #counts: ModelCounts;
  readonly #choices: readonly TimedChoice[];
  readonly #started: number;
  readonly #usesCache: boolean;
  #promptTokens = 0;
  #cachedTokens = 0;
  #computed = false;

  /** @param started when it was handed over, milliseconds of `performance.now()` */
  constructor(counts: ModelCounts, { choices, cache }: TimedParts, started: number) {
    this.#counts = counts;
    this.#usesCache = cache.use;
    this.#started = started;
    this.#choices = Array.from({ length: choices }, () => ({
      first: undefined,
      latest: started,
      tokens: 0,
      firstTokens: 0,
    }));
  }

  updated(update: GenerationUpdate, now: number): void {
    if (update.kind === 'accepted') {
      this.#promptTokens = update.promptTokens;
      return;
    }
    if (update.kind === 'started') {
      this.#start(update.cachedTokens);
      return;
    }
    const choice = this.#choices[update.choice];
    if (choice === undefined) return;
    if (!this.#computed) {
      this.#computed = true;
      this.#counts.promptTokens += this.#promptTokens;
      this.#counts.cachedTokens += this.#cachedTokens;
    }
    this.#count(choice, update.completionTokens, now);
    if (update.finish !== undefined) this.#finish(choice, update.finish.reason, now);
  }

  failed(): void {} // counted with those of all tasks

  /** A request that uses no cache looks for nothing in it. */
  #start(cachedTokens: number): void {
    this.#cachedTokens = cachedTokens;
    if (!this.#usesCache) return;
    this.#counts.cacheQueries += this.#promptTokens;
    this.#counts.cacheHits += cachedTokens;
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

import type { GenerationUpdate, RequestObserver } from '../../engine/engine.js';

/** Times in the answer of a request, nanoseconds, and its token counts, as the Ollama API names them. */
export interface TextTimings {
  readonly total_duration: number;
  /** Until the model was there, and the request was handed over to it. */
  readonly load_duration: number;
  readonly prompt_eval_count: number;
  /** From the turn of the prompt to the first token; of one that fits into a step, from when it was handed over. */
  readonly prompt_eval_duration: number;
  readonly eval_count: number;
  /** From the first token to the end. */
  readonly eval_duration: number;
}

/** Times one request by the arrival of the engine's messages, so that a slow client makes no difference. */
export class RequestClock implements RequestObserver {
  readonly #asked = performance.now();
  #loaded: number | undefined;
  #accepted: number | undefined;
  #started: number | undefined;
  #first: number | undefined;
  #last: number | undefined;
  #promptTokens = 0;
  #tokens = 0;

  /** The model is there. */
  loaded(): void {
    this.#loaded ??= performance.now();
  }

  updated(update: GenerationUpdate, now: number): void {
    switch (update.kind) {
      case 'accepted':
        this.#promptTokens = update.promptTokens;
        this.#accepted = now;
        break;
      case 'started':
        this.#started = now;
        break;
      case 'choice':
        this.#first ??= now;
        this.#last = now;
        this.#tokens = update.completionTokens;
        break;
    }
  }

  failed(): void {} // the client is told

  /** Time since the request came, and until the model was there, nanoseconds. */
  get durations(): Pick<TextTimings, 'total_duration' | 'load_duration'> {
    const now = performance.now();
    return {
      total_duration: nanoseconds(this.#asked, now),
      load_duration: nanoseconds(this.#asked, this.#loaded ?? now),
    };
  }

  /** A prompt that is computed in one step begins and ends in one message; it was begun when it was handed over. */
  get #begun(): number | undefined {
    return [this.#started, this.#accepted].find((at) => at !== this.#first) ?? this.#loaded;
  }

  get timings(): TextTimings {
    return {
      ...this.durations,
      prompt_eval_count: this.#promptTokens,
      prompt_eval_duration: nanoseconds(this.#begun, this.#first),
      eval_count: this.#tokens,
      eval_duration: nanoseconds(this.#first, this.#last),
    };
  }
}

function nanoseconds(from: number | undefined, to: number | undefined): number {
  return from === undefined || to === undefined ? 0 : Math.round((to - from) * 1e6);
}

import { EventStream } from './event-stream.js';

/** Why a request failed. */
export interface Failure {
  /**
   * What is counted: `connect`, `reset`, `timeout`, `truncated` (the stream ended without `[DONE]`), `malformed`,
   * `empty` (no text), `http STATUS CODE`, or `stream CODE` for an error inside a stream.
   */
  readonly kind: string;
  readonly message: string;
}

/** What came of a request. Times are those of `performance.now()`, in milliseconds. */
export interface StreamResult {
  /** When the request was handed to the socket; connecting is part of the time to the first token. */
  readonly sentAt: number;
  /** When each piece of text arrived; pieces that come with one read of the socket share a time. */
  readonly arrivals: readonly number[];
  readonly endedAt: number;
  readonly text: string;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  /** Of the prompt, as `usage.prompt_tokens_details.cached_tokens` says; absent where the server does not tell. */
  readonly cachedTokens?: number;
  readonly finishReason?: string;
  readonly failure?: Failure;
  /** We gave it up; then nothing is a failure. */
  readonly cancelled: boolean;
}

interface ErrorBody {
  readonly message?: string;
  readonly code?: string | number | null;
  readonly type?: string | null;
}

interface Delta {
  readonly content?: string | null;
  /** Reasoning of a model, as vLLM, SGLang and llama.cpp send it apart from the answer, and others. */
  readonly reasoning_content?: string | null;
  readonly reasoning?: string | null;
}

interface Chunk {
  readonly choices?: readonly { readonly delta?: Delta; readonly finish_reason?: string | null }[];
  readonly usage?: {
    readonly prompt_tokens?: number;
    readonly completion_tokens?: number;
    readonly prompt_tokens_details?: { readonly cached_tokens?: number | null } | null;
  } | null;
  readonly error?: ErrorBody | string | null;
}

/** One streamed chat completion that is under way: takes in what arrives and says at the end what it was. */
export class ChatStream {
  /** Resolves when it has ended, in whatever way; never rejects. */
  readonly finished: Promise<StreamResult>;
  readonly #sentAt = performance.now();
  readonly #events = new EventStream();
  readonly #arrivals: number[] = [];
  readonly #texts: string[] = [];
  readonly #waiting: { readonly pieces: number; readonly resolve: () => void }[] = [];
  readonly #finish: (result: StreamResult) => void;
  #counts: Pick<StreamResult, 'promptTokens' | 'completionTokens' | 'cachedTokens' | 'finishReason'> = {};
  #done = false;
  #ended = false;
  #abort: () => void = () => undefined;

  constructor() {
    const { promise, resolve } = withResolver<StreamResult>();
    this.finished = promise;
    this.#finish = resolve;
  }

  /** Text has arrived. */
  get begun(): boolean {
    return this.#arrivals.length > 0;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** How to give the connection up; called at most once. */
  set abort(abort: () => void) {
    this.#abort = abort;
  }

  /** Takes in a read of the socket. */
  push(chunk: string): void {
    const now = performance.now();
    for (const data of this.#events.push(chunk)) {
      if (this.#ended) return;
      if (data === '[DONE]') this.#done = true;
      else this.#take(data, now);
    }
    this.#wake();
  }

  /** The response is complete. */
  close(): void {
    if (!this.#done) this.fail({ kind: 'truncated', message: 'The stream ended without [DONE].' });
    else if (this.#arrivals.length === 0) this.fail({ kind: 'empty', message: 'The answer has no text.' });
    else this.#end({ cancelled: false });
  }

  /** It ends with a failure; the first one counts. */
  fail(failure: Failure): void {
    this.#end({ cancelled: false, failure });
  }

  /** Gives it up, as a client does that closes its connection; nothing happens when it has ended. */
  cancel(): void {
    this.#end({ cancelled: true });
  }

  /** Resolves when this many pieces of text have arrived, or it has ended. */
  async reached(pieces: number): Promise<void> {
    if (this.#ended || this.#arrivals.length >= pieces) return;
    const { promise, resolve } = withResolver();
    this.#waiting.push({ pieces, resolve });
    await promise;
  }

  #take(data: string, now: number): void {
    let chunk: Chunk;
    try {
      chunk = JSON.parse(data) as Chunk;
    } catch {
      this.fail({ kind: 'malformed', message: `An event is no JSON: ${data.slice(0, 100)}` });
      return;
    }
    const { choices, usage, error } = chunk;
    if (error !== undefined && error !== null) {
      this.fail(failureOf('stream', error));
      return;
    }
    const { delta, finish_reason: finishReason } = choices?.[0] ?? {};
    const text = `${delta?.reasoning_content ?? delta?.reasoning ?? ''}${delta?.content ?? ''}`;
    if (text !== '') {
      this.#arrivals.push(now);
      // What a reasoning model thought is not part of the history that a client sends back.
      this.#texts.push(delta?.content ?? '');
    }
    if (typeof finishReason === 'string') this.#counts = { ...this.#counts, finishReason };
    if (usage !== undefined && usage !== null) this.#counts = { ...this.#counts, ...countsOf(usage) };
  }

  #end(end: Pick<StreamResult, 'cancelled' | 'failure'>): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#done) this.#abort();
    this.#finish({
      sentAt: this.#sentAt,
      arrivals: this.#arrivals,
      endedAt: performance.now(),
      text: this.#texts.join(''),
      ...this.#counts,
      ...end,
    });
    this.#wake();
  }

  #wake(): void {
    const due = this.#waiting.filter(({ pieces }) => this.#ended || this.#arrivals.length >= pieces);
    for (const waiter of due) {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.resolve();
    }
  }
}

/** An error of a server, as a failure: its code, or what comes closest. */
export function failureOf(where: string, error: ErrorBody | string): Failure {
  if (typeof error === 'string') return { kind: where, message: error };
  const code = error.code ?? error.type ?? '';
  return { kind: `${where} ${code}`.trim(), message: error.message ?? 'The server gives no reason.' };
}

function countsOf(usage: NonNullable<Chunk['usage']>): Partial<StreamResult> {
  const { prompt_tokens: promptTokens, completion_tokens: completionTokens } = usage;
  const cachedTokens = usage.prompt_tokens_details?.cached_tokens ?? undefined;
  return {
    ...(promptTokens === undefined ? {} : { promptTokens }),
    ...(completionTokens === undefined ? {} : { completionTokens }),
    ...(cachedTokens === undefined ? {} : { cachedTokens }),
  };
}

function withResolver<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

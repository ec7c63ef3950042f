import { readChunk, type Failure, type TokenCounts } from './chat-chunk.js';
import { EventStream } from './event-stream.js';

/** What came of a request. Times are those of `performance.now()`, in milliseconds. */
export interface StreamResult extends TokenCounts {
  /** When the request was handed to the socket; connecting is part of the time to the first token. */
  readonly sentAt: number;
  /** When each piece of text arrived; pieces that come with one read of the socket share a time. */
  readonly arrivals: readonly number[];
  /** When `[DONE]` arrived, or it failed or was given up. */
  readonly endedAt: number;
  /** The answer. What a reasoning model thought is not in it: no client sends that back. */
  readonly text: string;
  readonly finishReason?: string;
  readonly failure?: Failure;
  /** We gave it up; then nothing is a failure. */
  readonly cancelled: boolean;
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
  #counts: Pick<StreamResult, keyof TokenCounts | 'finishReason'> = {};
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
      if (data === '[DONE]') this.#complete();
      else this.#take(data, now);
    }
    this.#wake();
  }

  /** Nothing more will arrive. */
  close(): void {
    this.fail({ kind: 'truncated', message: 'The stream ended without [DONE].' });
  }

  /** It ends with a failure; the first one counts. */
  fail(failure: Failure): void {
    this.#end({ cancelled: false, failure }, true);
  }

  /** Gives it up, as a client does that closes its connection; nothing happens when it has ended. */
  cancel(): void {
    this.#end({ cancelled: true }, true);
  }

  /** Resolves when this many pieces of text have arrived, or it has ended. */
  async reached(pieces: number): Promise<void> {
    if (this.#ended || this.#arrivals.length >= pieces) return;
    const { promise, resolve } = withResolver();
    this.#waiting.push({ pieces, resolve });
    await promise;
  }

  #take(data: string, now: number): void {
    const { content, reasoning, finishReason, counts, failure } = readChunk(data);
    if (failure !== undefined) {
      this.fail(failure);
      return;
    }
    if (content !== '' || reasoning !== '') this.#arrivals.push(now);
    if (content !== '') this.#texts.push(content);
    this.#counts = { ...this.#counts, ...counts, ...(finishReason === undefined ? {} : { finishReason }) };
  }

  /** Nobody waits for the end of the response, as no client does; its connection is used again after that. */
  #complete(): void {
    const empty = this.#arrivals.length === 0;
    const failure: Failure = { kind: 'empty', message: 'The answer has no text.' };
    this.#end({ cancelled: false, ...(empty ? { failure } : {}) }, false);
  }

  #end(end: Pick<StreamResult, 'cancelled' | 'failure'>, abort: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    if (abort) this.#abort();
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

function withResolver<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

import type { EmbedRequest, EmbeddingUpdate, InputEmbedding } from '../core/embedding.js';
import { HeddleError, toHeddleError, type ErrorData } from '../core/errors.js';
import type { FailedUpdate, GenerateRequest, Token } from '../core/generation.js';
import type { LikelihoodsUpdate, SpelledToken } from '../core/likelihood.js';
import type { MemoryNeed } from '../core/memory.js';
import type { LoadOptions, ModelInfo } from '../core/model-runner.js';
import type { CacheHolding, PromptCacheAction, PromptCacheReport } from '../core/prompt-cache.js';
import type { RequestUpdate } from '../core/request-update.js';
import type { DocumentRelevance, RelevanceUpdate, RerankRequest } from '../core/reranking.js';
import type { Score, ScoreRequest, ScoreUpdate } from '../core/scoring.js';
import { withDeadline } from '../core/waiting.js';
import { laneCount } from './abort-board.js';
import { collectedScore } from './collected-score.js';
import { Generation, type GenerationUpdate } from './generation.js';
import type {
  CallCommand,
  CallResults,
  EngineCommand,
  EngineEvent,
  EngineReport,
  RequestCommand,
} from './protocol.js';
import { readAll } from './read-all.js';
import type { RequestObserver } from './request-observer.js';
import type { EngineTransport } from './transport.js';

export type { Generation, GenerationUpdate } from './generation.js';
export type { EngineReport, StepRecord } from './protocol.js';
export type { RequestObserver } from './request-observer.js';

/** A request the engine is working on, as the gateway sees it. */
interface Pending {
  readonly task: EngineTask;
  readonly reader: Reader;
  readonly lane: number;
  /** Of a request for text, who hears what becomes of it. */
  readonly observers: readonly RequestObserver[];
  /** Choices, inputs or documents that have not finished. */
  open: number;
}

/** What an engine is asked for. `tokenize` is also what tokens stand for. */
export type EngineTask = RequestCommand['type'] | 'tokenize';

/** Where a request's updates go: a {@link Generation} of what its kind of request is told. */
interface Reader {
  push(update: RequestUpdate): void;
  end(error?: HeddleError): void;
}

/** What becomes of the requests of a host that did not end when it should have. */
const unloading: ErrorData = {
  code: 'model_unloading',
  message: 'The model is being unloaded. Send the request again.',
  retryable: true,
};

/** A killed process that is not gone after so long, milliseconds, is stuck in the operating system. */
const killDeadline = 5_000;

/** Commands as their callers give them: the call number is added here. */
type Call<K extends CallCommand['type']> = Omit<Extract<CallCommand, { type: K }>, 'call'>;

interface Caller {
  resolve(value: CallResults[keyof CallResults]): void;
  reject(error: HeddleError): void;
}

/**
 * A loaded model, as the gateway uses it. The model itself lives with its host, on a thread of its own; this side sends
 * commands, hands each request its updates, and never waits for a slow reader.
 *
 * One life: {@link load}, then requests, then {@link close}. When the host is lost, all that is pending fails with
 * `engine_crashed`.
 */
export class Engine {
  readonly #transport: EngineTransport;
  readonly #pending = new Map<string, Pending>();
  readonly #callers = new Map<number, Caller>();
  readonly #freeLanes: number[] = Array.from({ length: laneCount }, (_, lane) => laneCount - 1 - lane);
  readonly #exit: Promise<void>;
  #exited: () => void = () => {};
  readonly #departure: Promise<void>;
  #departed: () => void = () => {};
  #hasDeparted = false;
  #started = false;
  #loadAsked = false;
  #gone: HeddleError | undefined;
  #closing: Promise<EngineReport | undefined> | undefined;
  #info: ModelInfo | undefined;
  #onProgress: ((fraction: number) => void) | undefined;
  #nextCall = 1;
  #idleWaiters: (() => void)[] = [];
  #lastActive = 0;
  #eventCount = 0;
  #stepEventCount = 0;
  /** A host that is a thread was given up. */
  #abandoned = false;
  /** Why a host that is a process was killed; it is lost when it has ended. */
  #abandonment: ErrorData | undefined;
  /** Told when the engine gets its first request, before that is sent, and when it has ended its last. */
  onBusyChange: ((busy: boolean) => void) | undefined;
  /** Told of every request for text before it is sent; what it returns hears what becomes of it. */
  onRequest: ((request: GenerateRequest) => RequestObserver) | undefined;
  /** Told of everything that was handed over and ended with an error, `request_cancelled` included. It must not throw. */
  onFailure: ((task: EngineTask, error: HeddleError) => void) | undefined;

  constructor(transport: EngineTransport) {
    this.#transport = transport;
    this.#exit = new Promise((resolve) => (this.#exited = resolve));
    this.#departure = new Promise((resolve) => (this.#departed = resolve));
  }

  /** @throws HeddleError `engine_closed` before the model was loaded */
  get info(): ModelInfo {
    if (this.#info === undefined)
      throw new HeddleError('engine_closed', 'No model is loaded in this engine.');
    return this.#info;
  }

  /** Requests that have not ended. */
  get pendingRequests(): number {
    return this.#pending.size;
  }

  /** When a request last ended, milliseconds since 1970; 0 when none has. */
  get lastActive(): number {
    return this.#lastActive;
  }

  /** Resolves when the host has gone, for whatever reason, or was abandoned. */
  get exited(): Promise<void> {
    return this.#exit;
  }

  /** Resolves when the host has really gone: not when it was abandoned. */
  get departed(): Promise<void> {
    return this.#departure;
  }

  /** Messages that came from the host so far: while it has work, a number that stays the same means a stall. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /** Of these, messages of what was computed: a number that stays the same while only calls are answered, or waited for. */
  get stepEventCount(): number {
    return this.#stepEventCount;
  }

  /** The host has something to do or to answer. */
  get expectsEvents(): boolean {
    return this.#gone === undefined && (this.#pending.size > 0 || this.#callers.size > 0);
  }

  /** Memory that the host takes beside the model, bytes. */
  get hostBytes(): number {
    return this.#transport.hostBytes;
  }

  /** The OS's process id of the host; undefined when it lives in this process, or is not there. */
  get processId(): number | undefined {
    return this.#transport.processId;
  }

  /** What the host's process wrote to its standard error lately; empty for other hosts. */
  get lastWords(): string {
    return this.#transport.lastWords ?? '';
  }

  /** The host is a thread that was given up: it may still be there. */
  get abandoned(): boolean {
    return this.#abandoned;
  }

  /** Why the host is gone; undefined while it is not. */
  get loss(): HeddleError | undefined {
    return this.#gone;
  }

  /** The host is there, or can still be started. */
  get alive(): boolean {
    return this.#gone === undefined && this.#closing === undefined;
  }

  /**
   * Starts the host and loads the model in it. When that fails the host is told to end: {@link exited} says when it has.
   * @param options.signal cancels the load
   * @throws HeddleError why the model could not be loaded
   */
  async load(
    options: LoadOptions,
    { onProgress, signal }: { onProgress?: (fraction: number) => void; signal?: AbortSignal } = {},
  ): Promise<ModelInfo> {
    if (this.#loadAsked) throw new HeddleError('internal_error', 'This engine was already loaded.');
    this.#loadAsked = true;
    this.#start();
    this.#onProgress = onProgress;
    const cancel = (): void => this.#transport.aborts.cancelLoad();
    if (signal?.aborted === true) cancel();
    signal?.addEventListener('abort', cancel);
    try {
      this.#info = await this.#call<'load'>({ type: 'load', options });
      return this.#info;
    } catch (error) {
      // Whoever waits for the host to end waits for `exited`, or ends it to a deadline.
      this.close().catch(() => {});
      throw error;
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  /**
   * What loading a model would take. Starts the host, which the model can be loaded in afterwards.
   * @throws HeddleError why the model could not be loaded
   */
  async predict(options: LoadOptions): Promise<MemoryNeed> {
    this.#start();
    return this.#call<'predict'>({ type: 'predict', options });
  }

  /**
   * Sends a request. It is queued in the engine at once; its updates wait in the gateway until they are read.
   * @param observer hears of it beside those of {@link onRequest}
   * @throws HeddleError `engine_closed`, or `queue_full` when too many requests are pending
   */
  generate(request: GenerateRequest, observer?: RequestObserver): Generation {
    return this.#begin((lane) => ({ type: 'generate', request, lane }), request.choices, observer);
  }

  /**
   * How likely a text is after another. The work shares the steps of all other requests.
   * @param options.signal stops the work
   * @throws HeddleError as {@link generate}; `context_length_exceeded`, `invalid_parameter`, `unsupported_by_model` for an
   * encoder, `request_cancelled`, or why the engine ended the request
   */
  async score(request: ScoreRequest, { signal }: { signal?: AbortSignal } = {}): Promise<Score> {
    const command = (lane: number): RequestCommand => ({ type: 'score', request, lane });
    return collectedScore(await readAll(this.#begin<ScoreUpdate | LikelihoodsUpdate>(command, 1), signal));
  }

  /**
   * The embedding of each input, in their order, pooled as `info.embedding` says. The work shares the steps of all other
   * requests.
   * @param options.signal stops the work
   * @throws HeddleError as {@link score}; `unsupported_by_model` for a reranker. An error of one input is the request's,
   * and its `param` says which: `inputs[3]`
   */
  async embed(
    request: EmbedRequest,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<readonly InputEmbedding[]> {
    const { length } = request.inputs;
    const updates = this.#begin<EmbeddingUpdate>((lane) => ({ type: 'embed', request, lane }), length);
    const results: InputEmbedding[] = [];
    for (const { input, embedding, tokens } of await readAll(updates, signal)) {
      // From another process it comes as a part of its whole message.
      results[input] = { embedding: embedding.slice(), tokens };
    }
    return results;
  }

  /**
   * How relevant each document is to the query, in their order. The work shares the steps of all other requests.
   * @param options.signal stops the work
   * @throws HeddleError as {@link embed}; `unsupported_by_model` for a model that is no reranker. An error of one document
   * is the request's, and its `param` says which: `documents[3]`
   */
  async rerank(
    request: RerankRequest,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<readonly DocumentRelevance[]> {
    const { length } = request.documents;
    const updates = this.#begin<RelevanceUpdate>((lane) => ({ type: 'rerank', request, lane }), length);
    const results: DocumentRelevance[] = [];
    for (const { document, relevance, tokens } of await readAll(updates, signal)) {
      results[document] = { relevance, tokens };
    }
    return results;
  }

  #begin<Update = GenerationUpdate>(
    command: (lane: number) => RequestCommand,
    parts: number,
    ownObserver?: RequestObserver,
  ): Generation<Update> {
    this.#checkAlive();
    const lane = this.#freeLanes.pop();
    if (lane === undefined) {
      throw new HeddleError(
        'queue_full',
        `This model already has ${laneCount} requests. Send the request again later.`,
      );
    }
    this.#transport.aborts.openLane(lane);
    const begun = command(lane);
    const { id } = begun.request;
    const reader = new Generation<Update>(() => {
      this.#post({ type: 'cancel', requestId: id });
      this.#transport.aborts.cancel(lane);
    });
    const observer = begun.type === 'generate' ? this.onRequest?.(begun.request) : undefined;
    const observers = [observer, ownObserver].filter((one) => one !== undefined);
    const pending: Pending = { task: begun.type, reader: reader as Reader, lane, observers, open: parts };
    this.#pending.set(id, pending);
    if (this.#pending.size === 1) this.onBusyChange?.(true);
    try {
      this.#post(begun);
    } catch (cause) {
      const message = `The request can not be sent to the engine: ${String(cause)}`;
      const error = new HeddleError('invalid_parameter', message, { cause });
      this.#settle(id, pending, error);
      throw error;
    }
    return reader;
  }

  /** Counts and cuts text as the model does. @throws HeddleError `engine_closed` when no model is loaded */
  async tokenize(text: string, options = { addSpecial: false, parseSpecial: true }): Promise<Token[]> {
    this.#checkAlive();
    return this.#watched(this.#call<'tokenize'>({ type: 'tokenize', text, ...options }));
  }

  /**
   * What tokens stand for.
   * @throws HeddleError `invalid_parameter` for one that the model does not have, `context_length_exceeded` for more than
   * any request could have, `engine_closed` when no model is loaded
   */
  async spell(tokens: readonly Token[]): Promise<SpelledToken[]> {
    this.#checkAlive();
    return this.#watched(this.#call<'spell'>({ type: 'spell', tokens }));
  }

  /**
   * How much is kept of a prompt that begins with these tokens, for requests with this salt.
   * @throws HeddleError `engine_closed` when no model is loaded
   */
  async probe(tokens: readonly Token[], salt: string): Promise<CacheHolding> {
    this.#checkAlive();
    return this.#call<'probe'>({ type: 'probe', tokens, salt });
  }

  /**
   * What the engine keeps of prompts. `clear` removes all of it first, from disk too; what running requests have in the KV
   * cache stays. `verify` reads every file of the model first, and sets bad ones aside. A disk that does not answer is
   * not waited for: the report says so.
   * @throws HeddleError `engine_closed` when no model is loaded
   */
  async promptCache(action: PromptCacheAction): Promise<PromptCacheReport> {
    this.#checkAlive();
    return this.#call<'cache'>({ type: 'cache', action });
  }

  /** How the engine is doing. @throws HeddleError `engine_closed` when no model is loaded */
  async inspect(): Promise<EngineReport> {
    this.#checkAlive();
    return this.#call<'inspect'>({ type: 'inspect' });
  }

  /** Compute threads from the engine's next step on. */
  setThreads(threads: number): void {
    this.#post({ type: 'set-threads', threads });
  }

  /** Resolves when no request is pending: the engine has said its last word on each, or is gone. */
  async idle(): Promise<void> {
    if (this.#pending.size > 0) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /**
   * As {@link close}, but to a deadline. A host that is a process is killed then, and reaped.
   * @param milliseconds how long the teardown may take
   * @returns `unconfirmed` when the host did not end in time, or is a thread that was abandoned: it and its memory are
   *   still there, and what was pending has failed
   */
  async end(milliseconds: number): Promise<'closed' | 'killed' | 'unconfirmed'> {
    if (!this.#started) return 'closed';
    // A host that is lost while it closes has ended as well.
    const closed = this.close().then(
      () => {},
      () => {},
    );
    await withDeadline(closed, milliseconds);
    if (this.#hasDeparted) return 'closed';
    if (this.#transport.destroy !== undefined) {
      this.#transport.destroy();
      await withDeadline(this.#departure, killDeadline);
      if (this.#hasDeparted) return 'killed';
    }
    this.#abandoned = true;
    if (this.#gone === undefined) this.#lose(unloading);
    return 'unconfirmed';
  }

  /**
   * Gives the host up, since it makes no progress: all that is pending fails with `error` now. A process is killed; a
   * thread can not be, and ends when it finds out, if it ever does.
   */
  abandon(error: ErrorData): void {
    if (this.#gone !== undefined || this.#abandonment !== undefined) return;
    if (this.#transport.destroy === undefined) {
      this.#abandoned = true;
      this.#post({ type: 'close', call: 0 });
      this.#transport.aborts.cancelLoad();
      this.#transport.aborts.cancelAll();
      this.#lose(error);
      return;
    }
    this.#abandonment = error;
    this.#transport.destroy();
  }

  /**
   * Ends pending requests with `model_unloading`, frees the model, and resolves when the host has ended.
   * @returns the engine's last report; undefined when no model was loaded or the host was lost
   */
  async close(): Promise<EngineReport | undefined> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<EngineReport | undefined> {
    if (!this.#started || this.#gone !== undefined) return undefined;
    try {
      const report = this.#call<'close'>({ type: 'close' });
      this.#transport.aborts.cancelLoad();
      this.#transport.aborts.cancelAll();
      return await report;
    } finally {
      await this.#exit;
    }
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    try {
      this.#transport.start({
        onEvent: (event) => this.#handle(event),
        onExit: (error) => this.#depart(error),
      });
    } catch (error) {
      const message = `The engine's host can not be started: ${toHeddleError(error).message}`;
      this.#depart({ code: 'engine_crashed', message, retryable: true });
    }
  }

  #depart(error: ErrorData | undefined): void {
    this.#hasDeparted = true;
    this.#departed();
    if (this.#gone === undefined) this.#lose(this.#abandonment ?? error);
  }

  async #call<K extends CallCommand['type']>(command: Call<K>): Promise<CallResults[K]> {
    if (this.#gone !== undefined) throw this.#gone;
    const call = this.#nextCall++;
    return new Promise((resolve, reject) => {
      this.#callers.set(call, { resolve: (value) => resolve(value as CallResults[K]), reject });
      this.#post({ ...command, call } as unknown as CallCommand);
    });
  }

  /** Tokens that are read or written. */
  async #watched<Result>(result: Promise<Result>): Promise<Result> {
    try {
      return await result;
    } catch (error) {
      this.onFailure?.('tokenize', toHeddleError(error));
      throw error;
    }
  }

  #post(command: EngineCommand): void {
    if (this.#started && this.#gone === undefined) this.#transport.post(command);
  }

  #handle(event: EngineEvent): void {
    if (this.#gone !== undefined) return;
    this.#eventCount++;
    switch (event.type) {
      case 'alive':
        if (event.call === undefined) this.#stepEventCount++;
        return;
      case 'result':
        this.#takeCaller(event.call)?.resolve(event.value);
        return;
      case 'refused':
        this.#takeCaller(event.call)?.reject(HeddleError.from(event.error));
        return;
      case 'loading':
        this.#onProgress?.(event.fraction);
        return;
      case 'step': {
        this.#stepEventCount++;
        const now = performance.now();
        for (const update of event.updates) this.#deliver(update, now);
        return;
      }
    }
  }

  #takeCaller(call: number): Caller | undefined {
    const caller = this.#callers.get(call);
    this.#callers.delete(call);
    return caller;
  }

  #deliver(update: RequestUpdate, now: number): void {
    const pending = this.#pending.get(update.requestId);
    if (pending === undefined) return;
    if (update.kind === 'failed') {
      this.#settle(update.requestId, pending, HeddleError.from(update.error));
      return;
    }
    if (isOfGeneration(update)) for (const observer of pending.observers) observer.updated(update, now);
    pending.reader.push(update);
    if (endsPart(update) && --pending.open === 0) {
      this.#settle(update.requestId, pending);
    }
  }

  /** The engine has said its last word on a request: only now is its lane free for another. */
  #settle(requestId: string, { task, reader, lane, observers }: Pending, error?: HeddleError): void {
    this.#pending.delete(requestId);
    if (error !== undefined) {
      for (const observer of observers) observer.failed(error);
      this.onFailure?.(task, error);
    }
    this.#freeLanes.push(lane);
    reader.end(error);
    this.#lastActive = Date.now();
    if (this.#pending.size > 0) return;
    this.onBusyChange?.(false);
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #lose(error: ErrorData | undefined): void {
    this.#gone =
      error === undefined
        ? new HeddleError('engine_closed', 'The model was unloaded. Send the request again.')
        : HeddleError.from(error);
    for (const [requestId, pending] of this.#pending) this.#settle(requestId, pending, this.#gone);
    for (const [call, caller] of this.#callers) {
      this.#callers.delete(call);
      caller.reject(this.#gone);
    }
    this.#exited();
  }

  #checkAlive(): void {
    if (this.#gone !== undefined) throw this.#gone;
    if (this.#info === undefined || this.#closing !== undefined) {
      throw new HeddleError('engine_closed', 'The model is not loaded. Send the request again.');
    }
  }
}

function isOfGeneration(update: RequestUpdate): update is GenerationUpdate {
  return update.kind === 'accepted' || update.kind === 'started' || update.kind === 'choice';
}

/** It is the last of a choice, an input, a document or a score. */
function endsPart(update: Exclude<RequestUpdate, FailedUpdate>): boolean {
  switch (update.kind) {
    case 'accepted':
    case 'started':
    case 'likelihoods':
      return false;
    case 'choice':
      return update.finish !== undefined;
    case 'embedding':
    case 'relevance':
    case 'score':
      return true;
  }
}

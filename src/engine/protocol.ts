import type { EmbedRequest } from '../core/embedding.js';
import type { ErrorData } from '../core/errors.js';
import type { GenerateRequest, Token } from '../core/generation.js';
import type { SpelledToken } from '../core/likelihood.js';
import type { MemoryNeed } from '../core/memory.js';
import type { LoadOptions, MemoryReading, ModelInfo } from '../core/model-runner.js';
import type { CacheHolding, PromptCacheAction, PromptCacheReport } from '../core/prompt-cache.js';
import type { RequestUpdate } from '../core/request-update.js';
import type { RerankRequest } from '../core/reranking.js';
import type { ScoreRequest } from '../core/scoring.js';

/*
 * Every message that crosses the boundary between the gateway and an engine host. Commands are handled in the order
 * in which they were sent. All of it is plain data that can be cloned: JSON's values, embeddings as arrays of floats, and the
 * bytes of tokens.
 */

/** Gateway to engine. */
export type EngineCommand =
  | CallCommand
  | RequestCommand
  | { readonly type: 'cancel'; readonly requestId: string }
  | { readonly type: 'set-threads'; readonly threads: number };

/** A request: it takes its place in the queue, and is answered by updates in `step` events. */
export type RequestCommand =
  | { readonly type: 'generate'; readonly request: GenerateRequest; readonly lane: number }
  | { readonly type: 'score'; readonly request: ScoreRequest; readonly lane: number }
  | { readonly type: 'embed'; readonly request: EmbedRequest; readonly lane: number }
  | { readonly type: 'rerank'; readonly request: RerankRequest; readonly lane: number };

/** A command that is answered by one `result` or `refused` event with the same call number. */
export type CallCommand =
  | { readonly type: 'load'; readonly call: number; readonly options: LoadOptions }
  | {
      readonly type: 'tokenize';
      readonly call: number;
      readonly text: string;
      readonly addSpecial: boolean;
      readonly parseSpecial: boolean;
    }
  | { readonly type: 'spell'; readonly call: number; readonly tokens: readonly Token[] }
  /** Answered before a model is loaded too. */
  | { readonly type: 'predict'; readonly call: number; readonly options: LoadOptions }
  /** What is kept of a prompt. */
  | {
      readonly type: 'probe';
      readonly call: number;
      readonly tokens: readonly Token[];
      readonly salt: string;
    }
  /** What is kept of all prompts, once the action is done. */
  | { readonly type: 'cache'; readonly call: number; readonly action: PromptCacheAction }
  | { readonly type: 'inspect'; readonly call: number }
  | { readonly type: 'close'; readonly call: number };

/** What each call is answered with. */
export interface CallResults {
  load: ModelInfo;
  predict: MemoryNeed;
  tokenize: Token[];
  spell: SpelledToken[];
  probe: CacheHolding;
  cache: PromptCacheReport;
  inspect: EngineReport;
  /** Undefined when no model had been loaded. */
  close: EngineReport | undefined;
}

/** Engine to gateway. */
export type EngineEvent =
  | { readonly type: 'result'; readonly call: number; readonly value: CallResults[keyof CallResults] }
  /** It has computed for a while without anything to tell; with `call`, it is still at that one and may compute nothing. */
  | { readonly type: 'alive'; readonly call?: number }
  | { readonly type: 'refused'; readonly call: number; readonly error: ErrorData }
  | { readonly type: 'loading'; readonly fraction: number }
  /** All that one step, or the commands before it, did for all requests. */
  | { readonly type: 'step'; readonly updates: readonly RequestUpdate[] };

/** How an engine is doing, read between two steps. */
export interface EngineReport {
  /** OS thread ids that native calls saw. All three are one and the same. */
  readonly threads: {
    readonly load: number;
    readonly decode: readonly number[];
    /** Only in the report of `close`. */
    readonly teardown?: number;
  };
  /** Decode calls that ended well. */
  readonly steps: number;
  /** Decode calls that were aborted because a client left. */
  readonly abortedSteps: number;
  /** Times a sequence lost its cells to others. */
  readonly preemptions: number;
  /** Most sequences that shared a step. */
  readonly widestStep: number;
  readonly running: number;
  readonly waiting: number;
  /** KV cells held or promised. */
  readonly usedCells: number;
  /** KV cells that only sequences that have finished still refer to. */
  readonly residentCells: number;
  /** Tokens of drafts that were verified. */
  readonly draftTokens: number;
  /** Of these, those that were right. */
  readonly acceptedDraftTokens: number;
  /** The latest steps, oldest first. */
  readonly recentSteps: readonly StepRecord[];
  readonly memory: MemoryReading;
}

/** One decode call, in numbers. */
export interface StepRecord {
  /** Counts decode calls from 1, aborted ones included. */
  readonly number: number;
  readonly outcome: 'ok' | 'aborted' | 'no-cells' | 'failed';
  /** Rows of each sequence in the batch, by request; of embed and rerank requests, `choice` is the input or document. */
  readonly rows: readonly { readonly requestId: string; readonly choice: number; readonly count: number }[];
  /** Duration of the native call, milliseconds. */
  readonly decodeMs: number;
}

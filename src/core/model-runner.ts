import type { Batch } from './batch.js';
import type { EmbeddingInfo } from './embedding.js';
import type { SamplingParams, Token } from './generation.js';
import type { MemoryNeed } from './memory.js';
import type { ModelKind } from './model-kind.js';
import type { RerankingInfo } from './reranking.js';
import type { Speculation } from './speculation.js';
import type { TokenGuide } from './token-guide.js';

/** What an engine is asked to load and with how much room. */
export interface LoadOptions {
  /** Path of the GGUF file; the first one of a split model. */
  readonly modelPath: string;
  /** KV cells in all, shared by the slots. 0 takes the model's training context, capped at 8192. */
  readonly contextSize: number;
  /** Sequences that can run at once; 1 to 256. */
  readonly slots: number;
  /**
   * Sequences that can stay in the KV cache beside those that run; none when absent. Fewer are made where the library
   * can not have so many, and none where each would take a state of its own: {@link ModelInfo.lanes} tells.
   */
  readonly residentSlots?: number;
  /** Rows of one decode call at most. */
  readonly batchSize: number;
  /** Compute threads; at least 1. */
  readonly threads: number;
  /**
   * Time from one token of a stream to its next that steps are cut for, milliseconds; 150 when absent. 0 lets every step
   * have all the rows there is room for.
   */
  readonly interTokenTarget?: number;
  /** How several tokens of a sequence are guessed, to be verified in one step; `off` when absent. */
  readonly speculation?: Speculation;
  /** Where prompts are kept beside the KV cache; nowhere when absent. */
  readonly promptCache?: PromptCacheOptions;
}

/** Room for computed prompts beside the KV cache. */
export interface PromptCacheOptions {
  /** Bytes of RAM. */
  readonly hostBytes: number;
  /** A folder, which engines share, and how large it may become; absent for no disk. */
  readonly disk?: {
    readonly directory: string;
    readonly bytes: number;
    /** Bytes of RAM that blocks may hold until they are written. */
    readonly queueBytes: number;
  };
}

/**
 * What the memory of a model is made of, and so what it takes to bring a sequence back.
 * - `cells`: attention only. Any run of cells can be saved, restored and cut.
 * - `cells-and-state`: cells, and beside them a state that is only ever that of the sequence's end: a hybrid's recurrent
 *   state, or the cells of a sliding window. A sequence is its cells up to a position and a snapshot of the state there.
 * - `state`: no cells that could be told apart. A sequence is a snapshot.
 * - `none`: an encoder, which keeps nothing.
 */
export type ModelMemory = 'cells' | 'cells-and-state' | 'state' | 'none';

/** What is known of a model once it is loaded. */
export interface ModelInfo {
  /** As the library describes it, such as `qwen3 0.6B Q8_0`. */
  readonly description: string;
  readonly architecture: string;
  /** What its file says that it is for. */
  readonly kind: ModelKind;
  /** Parameters, a count. */
  readonly parameters: number;
  /** All weights, bytes. */
  readonly weightBytes: number;
  readonly vocabularySize: number;
  /** Bytes of text that one token can stand for at most; infinite where the tokenizer drops text. */
  readonly longestTokenBytes: number;
  /** Tokens the model was trained to see at once. */
  readonly trainingContext: number;
  /** KV cells of the context that was made; also the longest sequence. */
  readonly contextSize: number;
  readonly slots: number;
  /** Sequence ids: the slots, and those of sequences that only stay. Every method takes 0 to `lanes` - 1 as a slot. */
  readonly lanes: number;
  readonly memory: ModelMemory;
  /** States of the same model can be exchanged where this is the same: the library's version, and the kind of machine. */
  readonly stateFormat: string;
  /** Rows of one decode call at most. */
  readonly batchSize: number;
  /** Rows of one decode call that can have results, at most: logits take much memory. At least `lanes`. */
  readonly outputRows: number;
  /**
   * A token sees those before it only, so that a sequence can be computed in parts, continued and scored. False for
   * encoders, which can only embed, and read an input whole: all its rows in one decode call.
   */
  readonly causal: boolean;
  /** Absent for models that make no embeddings: rerankers. */
  readonly embedding?: EmbeddingInfo;
  /** Absent for models that are no rerankers, and for those of a form that relevances can not be read from. */
  readonly reranking?: RerankingInfo;
  /**
   * The tail of a sequence can always be removed from the memory. False for recurrent and hybrid models, where a step
   * that was aborted leaves the state of its sequences unusable, and for those with a sliding window, of which only
   * the end of a sequence is kept: there {@link ModelRunner.removeCells} tells from case to case.
   */
  readonly canCut: boolean;
  /** Jinja source from the model file; absent when it has none. */
  readonly chatTemplate?: string;
  /** Another one for chats with tools; absent where one serves for both. */
  readonly toolChatTemplate?: string;
  /** Text of the tokens that chat templates name; empty where the vocabulary has none. */
  readonly bosText: string;
  readonly eosText: string;
  /** The vocabulary asks for a BOS token before a prompt. */
  readonly addsBos: boolean;
  /** The tokens before the text, before what follows it, and before what is to stand between them; absent without such. */
  readonly fillInMiddle?: { readonly prefix: Token; readonly suffix: Token; readonly middle: Token };
}

/** A token, and the natural logarithm of its probability. */
export interface TokenLogProbability {
  readonly token: Token;
  readonly logProbability: number;
}

/** `aborted`: the abort flag was seen; `no-cells`: the KV cache had no room, and nothing was changed. */
export type DecodeOutcome = 'ok' | 'aborted' | 'no-cells';

/** `no-cells`: the memory has no room for what was to be restored. */
export type RestoreOutcome = 'ok' | 'no-cells';

/** Memory of exactly so many bytes, to save into. Shared memory will do, and what is in it does not matter. */
export type Allocate<Bytes extends Uint8Array> = (bytes: number) => Bytes;

/** Memory of the host process, bytes. */
export interface MemoryReading {
  /** Resident set: includes mapped model files. */
  readonly residentBytes: number;
  /** Resident and not backed by a file; absent where the system does not tell. */
  readonly anonymousBytes?: number;
}

/** Draws tokens for one sequence; keeps that sequence's random state and penalties. */
export interface Sampler {
  /**
   * Draws a token from the logits of output `row` of the last decode and remembers it for the penalties.
   * @param row index of the row within the batch that was decoded; its span must have asked for output
   * @param guide says which tokens may come: one that may not is drawn again, from those that may
   * @throws HeddleError as {@link TokenGuide.allowed}; nothing was drawn then
   */
  sample(row: number, guide?: TokenGuide): Token;
  /** Remembers a token for the penalties that was not drawn, but stands in the place of one. */
  accept(token: Token): void;
  dispose(): void;
}

/**
 * A loaded model: all that the engine needs of the native library. Synchronous, and used on one thread from load to
 * {@link dispose}; calls from another thread throw `wrong_thread`. The library's implementation and the fake one pass
 * the same conformance suite.
 */
export interface ModelRunner {
  readonly info: ModelInfo;

  /** @throws HeddleError `invalid_parameter` when the text can not be tokenized */
  tokenize(text: string, options: { addSpecial: boolean; parseSpecial: boolean }): Token[];

  /** The bytes a token stands for; empty for control tokens. Not always whole UTF-8 characters. */
  tokenBytes(token: Token): Uint8Array;

  /** Bytes of text that a token is read from; of a control token, those of the text that it is written out as. */
  writtenBytes(token: Token): number;
  /**
   * A control token as it is written, such as `<|im_start|>`; empty for tokens that have bytes.
   * @throws HeddleError `invalid_parameter` for an unknown token
   */
  controlText(token: Token): string;

  /** The token ends a generation (EOS, end of turn, ...). */
  endsGeneration(token: Token): boolean;

  /**
   * @param seed unsigned 32 bit
   * @param prompt tokens the repetition penalty counts as seen
   * @param ignoreEos end-of-generation tokens are never drawn
   */
  createSampler(
    params: SamplingParams,
    options: { seed: number; prompt: readonly Token[]; ignoreEos: boolean },
  ): Sampler;

  /**
   * The natural logarithm of a token's probability by the logits of output `row` of the last decode: their log-softmax,
   * summed in double precision.
   * @throws HeddleError `native_call_failed` when the row has no logits, `invalid_parameter` for an unknown token
   */
  logProbability(row: number, token: Token): number;

  /**
   * The most likely tokens by the logits of output `row` of the last decode, the likeliest first, with what
   * {@link logProbability} says of each. Of tokens that are as likely, the one with the lower number goes first;
   * tokens that the model rules out are not among them.
   * @param count how many; fewer where there are no more
   * @throws HeddleError as {@link logProbability}; `invalid_parameter` for a count that is no whole number from 0 up
   */
  topLogProbabilities(row: number, count: number): readonly TokenLogProbability[];

  /**
   * The embedding of one row of the last decode, which must have asked for embeddings: what the model knows at this
   * token, after its last layer and norm, before any pooling. The array is the caller's.
   * @throws HeddleError `native_call_failed` when the row has no embedding
   */
  rowEmbedding(row: number): Float32Array;

  /**
   * How relevant the document in a slot is, 0 to 1: of a reranker, once the last decode has computed the last row of a
   * query with a document, and has asked for embeddings.
   * @throws HeddleError `native_call_failed` when the last decode has no relevance of this slot, or one that is no number
   */
  relevance(slot: number): number;

  /**
   * Computes the rows of a batch; results of rows whose span wants them can be read until the next decode. A model that
   * is not causal computes each span as an input of its own, and keeps nothing of it.
   * After `aborted` it is unknown how many rows were stored: cut the sequences back with {@link removeCells}.
   * @throws HeddleError `native_call_failed` when the library refuses or fails
   */
  decode(batch: Batch): DecodeOutcome;

  /**
   * Forgets positions `from` (inclusive) to `to` (exclusive; -1 is the end) of a slot.
   * @returns false when the model's memory can not be cut there, or what is left would not be enough to go on from;
   * nothing was changed then
   */
  removeCells(slot: number, from: number, to: number): boolean;

  /** Makes the empty slot `target` share all cells of `source`, without copying. */
  shareCells(source: number, target: number): void;

  /** Tokens held by a slot: last position + 1. */
  cellCount(slot: number): number;

  /**
   * Bytes that {@link saveCells} fills for so many cells.
   * @throws HeddleError `unsupported_by_model` when the memory has no cells
   */
  cellsSize(count: number): number;

  /**
   * Copies the cells of positions `from` (inclusive) to `to` (exclusive) out of a slot, with nothing of the state beside
   * them. The bytes are the same whichever slot the cells are in, as long as they lie in the same order.
   * @returns what `allocate` gave
   * @throws HeddleError `unsupported_by_model` when the memory has no cells; `native_call_failed` when the slot does not
   * hold all of these
   */
  saveCells<Bytes extends Uint8Array>(
    slot: number,
    from: number,
    to: number,
    allocate: Allocate<Bytes>,
  ): Bytes;

  /**
   * Puts saved cells behind the `from` cells that a slot holds. Where the memory has a state too, the slot then counts
   * them, and can be saved, shared and emptied, but not decoded until {@link restoreSnapshot} gave it a state.
   * @returns `no-cells` when there is no room; nothing was changed then
   * @throws HeddleError `unsupported_by_model` when the memory has no cells; `native_call_failed`, with nothing changed,
   * when the slot does not hold exactly `from` cells, and when the bytes are not cells of such a context or were saved from
   * other positions. Whether they are of the same model and tokens is not known here.
   */
  restoreCells(slot: number, from: number, bytes: Uint8Array): RestoreOutcome;

  /**
   * Bytes that {@link saveSnapshot} would fill now.
   * @throws HeddleError as that
   */
  snapshotSize(slot: number): number;

  /**
   * Copies the state that a slot has at its end, without its cells.
   * @returns what `allocate` gave
   * @throws HeddleError `unsupported_by_model` when the memory is all cells; `native_call_failed` when the slot is empty,
   * or has cells without a state
   */
  saveSnapshot<Bytes extends Uint8Array>(slot: number, allocate: Allocate<Bytes>): Bytes;

  /**
   * Gives a slot the state that was saved at some position. Where the memory has cells too, the slot must hold those
   * before that position, restored or computed; what it holds from there on is removed. A memory without cells must be
   * empty in this slot.
   * @returns `no-cells` when there is no room for a window's cells; the slot then has cells without a state
   * @throws HeddleError `unsupported_by_model` when the memory is all cells; `native_call_failed`, with nothing changed,
   * when the slot does not hold what it must, and when the bytes are no state of such a context
   */
  restoreSnapshot(slot: number, bytes: Uint8Array): RestoreOutcome;

  /** Compute threads from the next decode on; at most the number loaded with. */
  setThreads(threads: number): void;

  memory(): MemoryReading;

  /** The OS thread id that native calls see at this moment. */
  threadId(): number;

  /** Frees every native object, in order. Further calls throw `handle_disposed`; a second dispose does nothing. */
  dispose(): void;
}

/**
 * What a module named as an engine's runner exports as `openRunner`: loads the model on the calling thread.
 * @throws HeddleError one of the `model_...` codes, `load_cancelled`, or a `native_library_...` code
 */
export type OpenRunner = (
  options: LoadOptions,
  host: {
    /** A byte that, once non-zero, aborts a running decode; followed by a zero byte. Shared memory. */
    readonly abortFlag: Uint8Array;
    /** Excludes other threads of the process from opening the library at the same time. Shared memory, one int. */
    readonly libraryLock: Int32Array;
    /** Called on the engine thread with the fraction done, 0 to 1; false cancels the load. */
    readonly onProgress: (fraction: number) => boolean;
  },
) => Promise<ModelRunner>;

/**
 * What such a module exports as `predictMemory`: the memory that loading a model with these options takes, without loading
 * it.
 * @throws HeddleError as {@link OpenRunner} when the model could not be loaded either
 */
export type PredictMemory = (
  options: LoadOptions,
  host: { readonly libraryLock: Int32Array },
) => Promise<MemoryNeed>;

/** A module that can be named as an engine's runner. */
export interface RunnerModule {
  readonly openRunner: OpenRunner;
  readonly predictMemory: PredictMemory;
}

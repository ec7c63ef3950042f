import { basename } from 'node:path';
import koffi from 'koffi';
import type { Batch } from '../core/batch.js';
import { HeddleError } from '../core/errors.js';
import type { SamplingParams, Token } from '../core/generation.js';
import type {
  Allocate,
  DecodeOutcome,
  LoadOptions,
  MemoryReading,
  ModelInfo,
  ModelRunner,
  OpenRunner,
  PredictMemory,
  RestoreOutcome,
  Sampler,
  TokenLogProbability,
} from '../core/model-runner.js';
import { BatchBuffer } from './batch-buffer.js';
import { Candidates } from './candidates.js';
import { cRuntime } from './c-runtime.js';
import { contextParams } from './context-params.js';
import { floatsAt } from './floats-at.js';
import { readGgufTables } from './gguf-tables.js';
import { openLlamaLibrary } from './llama-library.js';
import { isCausal } from './model-metadata.js';
import { logProbability, topLogProbabilities } from './log-softmax.js';
import { LlamaSampler } from './llama-sampler.js';
import type { LlamaBindings } from './llama-bindings.js';
import type { LlamaContextParams, Pointer } from './llama-structs.js';
import { loadModel } from './load-model.js';
import { predictMemory as predictWithLibrary } from './memory-prediction.js';
import { readMemory } from './memory-reading.js';
import { checkRelevance, rankHead, type RankHead } from './rank-head.js';
import { describeModel } from './model-info.js';
import { DisposeStack, NativeHandle } from './native-handle.js';
import { sequenceLanes, type SequenceLanes } from './sequence-lanes.js';
import { SequenceState } from './sequence-state.js';
import { createThreadPool } from './thread-pool.js';
import { Vocabulary } from './vocabulary.js';

/** Asks llama.cpp what a model would take. */
export const predictMemory: PredictMemory = async (options, { libraryLock }) =>
  predictWithLibrary(openLlamaLibrary(libraryLock), options);

/** Loads a model with llama.cpp, on the calling thread, which owns it from here on. */
export const openRunner: OpenRunner = async (options, host) => {
  const library = openLlamaLibrary(host.libraryLock);
  const { bindings } = library;
  const handles = new DisposeStack();
  try {
    const model = handles.add(await loadModel(library, options.modelPath, host.onProgress));
    const threadPool = handles.add(createThreadPool(library, options.threads));
    const params = contextParams(bindings, model.address, options);
    const context = handles.add(createContext(bindings, model, options, params, host.abortFlag));
    bindings.llama_attach_threadpool(context.address, threadPool.address, threadPool.address);
    return new LlamaRunner(bindings, { model, context, handles }, options, {
      outputRows: params.n_outputs_max,
      lanes: sequenceLanes(bindings, model.address, options),
    });
  } catch (error) {
    handles.dispose();
    throw error;
  }
};

function createContext(
  bindings: LlamaBindings,
  model: NativeHandle,
  options: LoadOptions,
  params: LlamaContextParams,
  abortFlag: Uint8Array,
): NativeHandle {
  const context = bindings.llama_init_from_model(model.address, {
    ...params,
    abort_callback: cRuntime().strlen,
    abort_callback_data: koffi.address(abortFlag),
  });
  if (context === null) {
    throw new HeddleError(
      'model_load_failed',
      `There is not enough memory for the KV cache of ${basename(options.modelPath)}. Unload other models, or serve this one with fewer cells (--ctx) or sequences (--parallel).`,
    );
  }
  // The library reads the flag for as long as the context lives: the closure keeps its memory from being collected.
  return new NativeHandle('context', context, (address) => {
    void abortFlag;
    bindings.llama_detach_threadpool(address);
    bindings.llama_free(address);
  });
}

class LlamaRunner implements ModelRunner {
  readonly info: ModelInfo;
  readonly #bindings: LlamaBindings;
  readonly #context: NativeHandle;
  readonly #handles: DisposeStack;
  /** Null for encoders, which keep nothing of what they read. */
  readonly #memory: Pointer | null;
  /** Undefined for models that are no rerankers. */
  readonly #rankHead: RankHead | undefined;
  /** Undefined for encoders. */
  readonly #state: SequenceState | undefined;
  /** Tokens that a windowed layer sees; 0 when all layers see everything. */
  readonly #window: number;
  readonly #vocabulary: Vocabulary;
  readonly #batch: BatchBuffer;
  readonly #samplers = new Set<LlamaSampler>();
  readonly #maxThreads: number;
  #candidates: Candidates | undefined;
  /** What the context is set to: rows have embeddings. */
  #embeds: boolean;
  #disposed = false;

  constructor(
    bindings: LlamaBindings,
    native: { model: NativeHandle; context: NativeHandle; handles: DisposeStack },
    options: LoadOptions,
    { outputRows, lanes }: { outputRows: number; lanes: SequenceLanes },
  ) {
    this.#bindings = bindings;
    this.#context = native.context;
    this.#handles = native.handles;
    this.#maxThreads = options.threads;
    const causal = isCausal(bindings, native.model.address);
    this.#embeds = !causal;
    this.#memory = bindings.llama_get_memory(native.context.address);
    if (this.#memory === null && causal) {
      throw new HeddleError(
        'model_load_failed',
        `${basename(options.modelPath)} has no KV cache to generate text with, and its file does not call it an encoder either.`,
      );
    }
    this.#vocabulary = new Vocabulary(bindings, native.model);
    // The library cuts the batch size down to the context's, and aborts the process for a larger batch.
    this.#batch = new BatchBuffer(bindings.llama_n_batch(native.context.address), outputRows);
    this.#window = bindings.llama_model_n_swa(native.model.address);
    const { canCut, state } = this.#probe(lanes.scratch);
    this.#state = state;
    this.#rankHead = rankHead(bindings, native.model.address, () => tensorNames(bindings, options.modelPath));
    this.info = describeModel(bindings, {
      model: native.model,
      context: native.context,
      vocabulary: this.#vocabulary,
      outputRows,
      lanes,
      canCut,
      memory: state?.memory ?? 'none',
      ranks: this.#rankHead !== undefined,
      version: bindings.llama_version(),
    });
  }

  tokenize(text: string, options: { addSpecial: boolean; parseSpecial: boolean }): Token[] {
    return this.#vocabulary.tokenize(text, options);
  }

  tokenBytes(token: Token): Uint8Array {
    return this.#vocabulary.bytes(token);
  }

  writtenBytes(token: Token): number {
    return this.#vocabulary.writtenBytes(token);
  }

  controlText(token: Token): string {
    return this.#vocabulary.controlText(token);
  }

  endsGeneration(token: Token): boolean {
    return this.#vocabulary.endsGeneration(token);
  }

  createSampler(
    params: SamplingParams,
    options: { seed: number; prompt: readonly Token[]; ignoreEos: boolean },
  ): Sampler {
    void this.#context.address; // throws when the model is gone, before anything native is made
    const sampler = new LlamaSampler(
      {
        bindings: this.#bindings,
        vocabulary: this.#vocabulary,
        context: this.#context,
        candidates: () => (this.#candidates ??= new Candidates(this.#vocabulary.size)),
      },
      params,
      { ...options, historyLength: this.info.contextSize },
      () => this.#samplers.delete(sampler),
    );
    this.#samplers.add(sampler);
    return sampler;
  }

  logProbability(row: number, token: Token): number {
    this.#vocabulary.check(token);
    return logProbability(this.#logits(row), token);
  }

  topLogProbabilities(row: number, count: number): readonly TokenLogProbability[] {
    const logits = this.#logits(row);
    if (!Number.isInteger(count) || count < 0)
      throw new HeddleError('invalid_parameter', `There can not be ${count} most likely tokens.`);
    return topLogProbabilities(logits, count);
  }

  rowEmbedding(row: number): Float32Array {
    const embedding = this.#bindings.llama_get_embeddings_ith(this.#context.address, row);
    if (embedding === null || this.info.embedding === undefined) throw noResult(row, 'embedding');
    return floatsAt(embedding, this.info.embedding.size).slice();
  }

  relevance(slot: number): number {
    this.#checkSlot(slot);
    const outputs = this.#bindings.llama_get_embeddings_seq(this.#context.address, slot);
    if (outputs === null || this.#rankHead === undefined)
      throw new HeddleError('native_call_failed', `The last batch has no relevance of slot ${slot}.`);
    return checkRelevance(this.#rankHead.relevance(floatsAt(outputs, this.#rankHead.outputs)));
  }

  decode(batch: Batch): DecodeOutcome {
    for (const { slot, start } of batch.spans) {
      this.#checkSlot(slot);
      // A position that the encoder has not learned would abort the process.
      if (start !== 0 && !this.info.causal) {
        throw new HeddleError('native_call_failed', `An encoder has no position ${start} to go on from.`);
      }
    }
    for (const { slot } of batch.spans) {
      if (this.#state?.statelessCells(slot) === undefined) continue;
      throw new HeddleError('native_call_failed', `Slot ${slot} has cells without a state to go on from.`);
    }
    const native = this.#batch.write(batch);
    this.#setEmbeds(batch.embeds === true || !this.info.causal);
    const status = this.#bindings.llama_decode(this.#context.address, native);
    if (status === 0) return 'ok';
    if (status === 1) return 'no-cells';
    if (status === 2) return 'aborted';
    throw new HeddleError(
      'native_call_failed',
      `llama_decode failed with ${status} on a batch of ${batch.rows} rows in ${batch.spans.length} sequences.`,
    );
  }

  removeCells(slot: number, from: number, to: number): boolean {
    this.#checkSlot(slot);
    const memory = this.#liveMemory();
    if (memory === null) return true;
    const count = this.cellCount(slot);
    const isTail = to < 0 || to >= count;
    if (isTail && from > 0 && from < count && !this.#hasWindow(memory, slot, from)) return false;
    const isRemoved = this.#bindings.llama_memory_seq_rm(memory, slot, from, to);
    if (isRemoved && isTail) this.#state?.removed(slot, from);
    return isRemoved;
  }

  shareCells(source: number, target: number): void {
    this.#checkSlot(source);
    this.#checkSlot(target);
    const memory = this.#liveMemory();
    if (memory === null || source === target) return;
    this.#bindings.llama_memory_seq_cp(memory, source, target, -1, -1);
    this.#state?.shared(source, target);
  }

  cellCount(slot: number): number {
    this.#checkSlot(slot);
    void this.#context.address;
    return this.#state?.cellCount(slot) ?? 0;
  }

  cellsSize(count: number): number {
    return this.#sequenceState().cellsSize(count);
  }

  saveCells<Bytes extends Uint8Array>(
    slot: number,
    from: number,
    to: number,
    allocate: Allocate<Bytes>,
  ): Bytes {
    this.#checkSlot(slot);
    return this.#sequenceState().save(slot, from, to, allocate);
  }

  restoreCells(slot: number, from: number, bytes: Uint8Array): RestoreOutcome {
    this.#checkSlot(slot);
    return this.#sequenceState().restore(slot, from, bytes);
  }

  snapshotSize(slot: number): number {
    this.#checkSlot(slot);
    return this.#sequenceState().snapshotSize(slot);
  }

  saveSnapshot<Bytes extends Uint8Array>(slot: number, allocate: Allocate<Bytes>): Bytes {
    this.#checkSlot(slot);
    return this.#sequenceState().saveSnapshot(slot, allocate);
  }

  restoreSnapshot(slot: number, bytes: Uint8Array): RestoreOutcome {
    this.#checkSlot(slot);
    return this.#sequenceState().restoreSnapshot(slot, bytes);
  }

  setThreads(threads: number): void {
    const count = Math.max(1, Math.min(threads, this.#maxThreads));
    this.#bindings.llama_set_n_threads(this.#context.address, count, count);
  }

  memory(): MemoryReading {
    return readMemory();
  }

  threadId(): number {
    return cRuntime().threadId();
  }

  dispose(): void {
    if (this.#disposed) return;
    void this.#context.address; // throws on a thread that is not the owner, before anything is freed
    this.#disposed = true;
    for (const sampler of this.#samplers) sampler.dispose();
    this.#handles.dispose();
    cRuntime().returnFreedMemory();
  }

  /**
   * One decode of two rows, by which the memory is learned. It is the warm-up as well: nothing lazy is left for the first
   * request. The memory is empty again afterwards.
   */
  #probe(scratch: number | undefined): { canCut: boolean; state?: SequenceState } {
    const token = this.#vocabulary.bos ?? this.#vocabulary.eos ?? 0;
    const span = { sequenceId: 0, slot: 0, start: 0, tokens: [token, token], output: true };
    const batch = this.#batch.write({ spans: [span], rows: 2, embeds: this.#embeds });
    // No governor shares out the cores yet, and threads that are one too many spin: two loads at once took 30 times longer.
    this.setThreads(1);
    const status = this.#bindings.llama_decode(this.#context.address, batch);
    this.setThreads(this.#maxThreads);
    if (status === 2) throw new HeddleError('load_cancelled', 'The load was cancelled.');
    if (status !== 0) {
      throw new HeddleError('model_load_failed', `The model's first decode failed with ${status}.`);
    }
    const memory = this.#liveMemory();
    if (memory === null) return { canCut: true };
    const hasWindow = this.#window > 0;
    const native = { bindings: this.#bindings, context: this.#context, memory, scratch, hasWindow };
    const state = SequenceState.probe(native);
    // A window's cells are gone when others needed room, whatever the library says to a cut.
    const canCut = this.#bindings.llama_memory_seq_rm(memory, 0, 1, -1) && !hasWindow;
    this.#bindings.llama_memory_clear(memory, true);
    return { canCut, state };
  }

  /**
   * All that a token at a position sees of a slot is there. Of layers with a sliding window, the library keeps what the end
   * of a sequence needs; it removes the end of one all the same when asked to.
   */
  #hasWindow(memory: Pointer, slot: number, position: number): boolean {
    if (this.#window === 0 || this.#state?.statelessCells(slot) !== undefined) return true;
    const first = this.#bindings.llama_memory_seq_pos_min(memory, slot);
    return first <= Math.max(0, position - this.#window + 1);
  }

  #sequenceState(): SequenceState {
    void this.#context.address;
    if (this.#state !== undefined) return this.#state;
    throw new HeddleError('unsupported_by_model', 'An encoder keeps nothing that could be saved.');
  }

  #logits(row: number): Float32Array {
    const logits = this.#bindings.llama_get_logits_ith(this.#context.address, row);
    if (logits === null || !this.info.causal) throw noResult(row, 'logits');
    return floatsAt(logits, this.info.vocabularySize);
  }

  /** All rows of a decode that computes embeddings have logits too: the library makes no difference there. */
  #setEmbeds(embeds: boolean): void {
    if (embeds === this.#embeds) return;
    this.#bindings.llama_set_embeddings(this.#context.address, embeds);
    this.#embeds = embeds;
  }

  /** A slot outside the context would abort the process. */
  #checkSlot(slot: number): void {
    if (Number.isInteger(slot) && slot >= 0 && slot < this.info.lanes) return;
    throw new HeddleError('native_call_failed', `Slot ${slot} does not exist; there are ${this.info.lanes}.`);
  }

  /** The memory's address, once its context was checked to be alive and used on its thread. */
  #liveMemory(): Pointer | null {
    void this.#context.address;
    return this.#memory;
  }
}

function tensorNames(bindings: LlamaBindings, path: string): ReadonlySet<string> {
  const tables = readGgufTables(bindings, path);
  return new Set(tables?.files.flat().map(({ name }) => name));
}

function noResult(row: number, what: string): HeddleError {
  return new HeddleError('native_call_failed', `Row ${row} of the last batch has no ${what}.`);
}

import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, threadId } from 'node:worker_threads';
import { firstOutput, type Batch } from '../core/batch.js';
import { HeddleError } from '../core/errors.js';
import type { SamplingParams, Token } from '../core/generation.js';
import type {
  Allocate,
  DecodeOutcome,
  LoadOptions,
  MemoryReading,
  ModelInfo,
  ModelMemory,
  ModelRunner,
  OpenRunner,
  PredictMemory,
  RestoreOutcome,
  Sampler,
  TokenLogProbability,
} from '../core/model-runner.js';
import type { RerankingInfo } from '../core/reranking.js';
import { FakeCells } from './fake-cells.js';
import { readFakeOptions, type FakeCrash, type FakeOptions } from './fake-options.js';
import { FakeSampler } from './fake-sampler.js';
import {
  fakeCellsSize,
  fakeStateSize,
  hashOf,
  readFakeCells,
  readFakeState,
  saveFakeCells,
  saveFakeState,
} from './fake-state.js';
import {
  baseLogitsAfter,
  beginText,
  beginToken,
  endText,
  endToken,
  fakeFillTokens,
  fakeControlText,
  fakeTokenBytes,
  fakeTokenize,
  fakeVocabularySize,
  fakeWrittenBytes,
  noise,
} from './fake-vocabulary.js';

/** Loads a fake model; {@link FakeOptions} says what its path can ask for. */
export const openRunner: OpenRunner = async (options, { abortFlag, onProgress }) => {
  const fake = readFakeOptions(options.modelPath);
  for (let step = 0; step <= fake.loadSteps; step++) {
    if (step > 0 && fake.loadDelayMs > 0) await sleep(fake.loadDelayMs);
    if (!onProgress(step / Math.max(1, fake.loadSteps)))
      throw new HeddleError('load_cancelled', `Loading ${options.modelPath} was cancelled.`);
  }
  if (fake.loadFails !== undefined)
    throw new HeddleError(fake.loadFails, `The fake model ${options.modelPath} fails to load.`);
  return new FakeRunner(options, abortFlag, fake);
};

/** As {@link openRunner}, what the fake model's path says. */
export const predictMemory: PredictMemory = async ({ modelPath }) => {
  const { bytes, cacheBytes, deviceBytes } = readFakeOptions(modelPath);
  return Promise.resolve({
    mappedWeightBytes: 0,
    copiedWeightBytes: bytes - cacheBytes,
    cacheBytes,
    computeBytes: 0,
    tableBytes: 0,
    codeBytes: 0,
    deviceBytes,
    totalBytes: bytes,
    basis: 'dry-run',
  });
};

const chatTemplate = [
  "{%- for message in messages %}{{ '[' + message.role + '] ' + message.content + '\\n' }}{%- endfor %}",
  "{%- if add_generation_prompt %}{{ '[assistant] ' }}{%- endif %}",
].join('');

/**
 * A model without a native library: the next token's logits are a hash of everything that the slot holds, so that any
 * mistake in how slots, positions or cells are handled changes the text; and so are embeddings. It refuses what llama.cpp
 * refuses.
 *
 * Tokens are bytes, {@link fakeTokenize}; what it says is mostly printable ASCII.
 */
export class FakeRunner implements ModelRunner {
  readonly info: ModelInfo;
  /** Called before each row is computed, for tests that act in the middle of a decode. */
  beforeRow: ((row: number) => void) | undefined;
  readonly #options: FakeOptions;
  readonly #abortFlag: Uint8Array;
  readonly #cells: FakeCells;
  readonly #capacity: number;
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));
  /** What the slots held at the output rows of the last decode, by row. */
  readonly #outputs = new Map<number, { tokens: readonly Token[]; state: number }>();
  /** Of the slots of the last decode, what was read so far: a hash. */
  readonly #read = new Map<number, number>();
  /** Slots that have cells without a state. */
  readonly #stateless = new Set<number>();
  /** Slots whose state is of other tokens than their cells: by what it is off. */
  readonly #misfits = new Map<number, number>();
  /** The last decode computed embeddings. */
  #embedded = false;
  #decodes = 0;
  /** Milliseconds that were not slept yet, because timers are coarser than rows. */
  #owed = 0;
  #disposed = false;

  constructor(
    load: LoadOptions,
    abortFlag: Uint8Array,
    options: FakeOptions = readFakeOptions(load.modelPath),
  ) {
    this.#options = options;
    this.#abortFlag = abortFlag;
    const residentSlots = options.memory === 'cells' ? (load.residentSlots ?? 0) : 0;
    const lanes = load.slots + residentSlots;
    this.#cells = new FakeCells(lanes);
    const contextSize = load.contextSize > 0 ? load.contextSize : 4096;
    this.#capacity = options.cells ?? contextSize;
    this.info = {
      description: 'fake model of bytes',
      architecture: 'fake',
      kind: options.kind,
      stateFormat: 'fake 1',
      parameters: 1,
      weightBytes: 1,
      vocabularySize: fakeVocabularySize,
      longestTokenBytes: 16,
      trainingContext: 4096,
      contextSize,
      slots: load.slots,
      lanes,
      memory: options.memory,
      batchSize: load.batchSize,
      outputRows: options.causal ? Math.max(lanes, options.outputRows) : load.batchSize,
      causal: options.causal,
      ...(options.pooling === undefined
        ? {}
        : { embedding: { size: options.embeddingSize, pooling: options.pooling } }),
      ...(options.kind === 'reranking' && options.rerankHead ? { reranking: reranking(options) } : {}),
      canCut: options.canCut,
      bosText: beginText,
      eosText: endText,
      addsBos: true,
      ...(options.fillInMiddle ? { fillInMiddle: fakeFillTokens } : {}),
      ...(options.chatTemplate === 'none' ? {} : { chatTemplate: options.chatTemplate ?? chatTemplate }),
    };
  }

  tokenize(text: string, options: { addSpecial: boolean; parseSpecial: boolean }): Token[] {
    this.#checkAlive();
    return fakeTokenize(text, options);
  }

  tokenBytes(token: Token): Uint8Array {
    this.#checkAlive();
    this.#checkToken(token, 'invalid_parameter');
    return fakeTokenBytes(token);
  }

  writtenBytes(token: Token): number {
    this.#checkAlive();
    this.#checkToken(token, 'invalid_parameter');
    return fakeWrittenBytes(token);
  }

  controlText(token: Token): string {
    this.#checkAlive();
    this.#checkToken(token, 'invalid_parameter');
    return fakeControlText(token);
  }

  endsGeneration(token: Token): boolean {
    this.#checkAlive();
    this.#checkToken(token, 'invalid_parameter');
    return token === endToken;
  }

  createSampler(
    params: SamplingParams,
    options: { seed: number; prompt: readonly Token[]; ignoreEos: boolean },
  ): Sampler {
    this.#checkAlive();
    return new FakeSampler(params, options, {
      fake: this.#options,
      logitsOf: (row) => this.#logits(row),
      checkToken: (token) => {
        this.#checkAlive();
        this.#checkToken(token, 'invalid_parameter');
      },
    });
  }

  logProbability(row: number, token: Token): number {
    this.#checkAlive();
    this.#checkToken(token, 'invalid_parameter');
    const logits = this.#logits(row);
    const highest = Math.max(...logits);
    const sum = logits.reduce((total, logit) => total + Math.exp(logit - highest), 0);
    return (logits[token] ?? -Infinity) - highest - Math.log(sum);
  }

  topLogProbabilities(row: number, count: number): readonly TokenLogProbability[] {
    const logits = this.#logits(row);
    if (!Number.isInteger(count) || count < 0)
      throw new HeddleError('invalid_parameter', `There can not be ${count} most likely tokens.`);
    const highest = Math.max(...logits);
    const sum = Math.log(logits.reduce((total, logit) => total + Math.exp(logit - highest), 0));
    return Array.from(logits, (logit, token) => ({ token, logProbability: logit - highest - sum }))
      .toSorted((a, b) => b.logProbability - a.logProbability)
      .slice(0, count);
  }

  rowEmbedding(row: number): Float32Array {
    this.#checkAlive();
    const output = this.#outputs.get(row);
    if (output === undefined || !this.#embedded || this.info.embedding === undefined)
      throw new HeddleError('native_call_failed', `Row ${row} of the last batch has no embedding.`);
    const hash = hashOf(output.tokens) ^ output.state;
    return Float32Array.from({ length: this.#options.embeddingSize }, (_, index) => noise(hash, index) - 0.5);
  }

  relevance(slot: number): number {
    this.#checkAlive();
    const hash = this.#read.get(slot);
    if (hash === undefined || !this.#embedded || this.info.reranking === undefined)
      throw new HeddleError('native_call_failed', `Slot ${slot} has no relevance.`);
    return noise(hash, 0);
  }

  decode(batch: Batch): DecodeOutcome {
    this.#checkAlive();
    this.#checkBatch(batch);
    this.#outputs.clear();
    this.#read.clear();
    this.#embedded = batch.embeds === true || !this.info.causal;
    this.#decodes++;
    if (this.#decodes === this.#options.failAtDecode)
      throw new HeddleError('native_call_failed', `The fake model's decode ${this.#decodes} fails.`);
    if (this.#decodes === this.#options.crashAtDecode) crash(this.#options.crashAs);
    if (this.info.causal && this.#cells.used + batch.rows > this.#capacity) return 'no-cells';

    let row = 0;
    for (const span of batch.spans) {
      const { slot, tokens } = span;
      const first = row + (this.#embedded ? 0 : firstOutput(span));
      for (const token of tokens) {
        this.#wait(this.#options.stepDelayMs / batch.rows);
        this.beforeRow?.(row);
        if (Atomics.load(this.#abortFlag, 0) !== 0) return 'aborted';
        if (this.info.causal) this.#cells.append(slot, token);
        if (row >= first)
          this.#outputs.set(row, {
            tokens: this.info.causal ? this.#cells.tokens(slot) : [token, ...tokens],
            state: this.#misfits.get(slot) ?? 0,
          });
        row++;
      }
      if (!this.#embedded) continue;
      const read = this.info.causal ? this.#cells.tokens(slot) : tokens;
      this.#read.set(slot, hashOf(read) ^ (this.#misfits.get(slot) ?? 0));
    }
    return 'ok';
  }

  removeCells(slot: number, from: number, to: number): boolean {
    this.#checkAlive();
    const count = this.#cells.count(slot);
    const [first, end] = [Math.max(0, from), to < 0 ? Infinity : to];
    const nothing = first >= count || end <= first;
    const everything = first === 0 && end >= count;
    if (!this.info.canCut && !nothing && !everything && !this.#stateless.has(slot)) return false;
    this.#cells.remove(slot, first, end);
    if (this.#cells.count(slot) === 0) this.#setState(slot, 'empty');
    return true;
  }

  shareCells(source: number, target: number): void {
    this.#checkAlive();
    if (this.#cells.count(target) > 0)
      throw new HeddleError('native_call_failed', `Slot ${target} is not empty.`);
    this.#cells.share(source, target);
    if (this.#stateless.has(source)) this.#stateless.add(target);
    const misfit = this.#misfits.get(source);
    if (misfit !== undefined) this.#misfits.set(target, misfit);
  }

  cellCount(slot: number): number {
    this.#checkAlive();
    return this.#cells.count(slot);
  }

  /** Cells in use; shared ones count once. For tests. */
  get usedCells(): number {
    return this.#cells.used;
  }

  /** What a slot holds. For tests. */
  tokensIn(slot: number): Token[] {
    return this.#cells.tokens(slot);
  }

  cellsSize(count: number): number {
    this.#checkMemory('cells', 'cells-and-state');
    if (!Number.isInteger(count) || count < 1)
      throw new HeddleError('native_call_failed', `${count} cells can not be saved.`);
    return fakeCellsSize(count);
  }

  saveCells<Bytes extends Uint8Array>(
    slot: number,
    from: number,
    to: number,
    allocate: Allocate<Bytes>,
  ): Bytes {
    const held = this.cellCount(slot);
    this.cellsSize(to - from);
    if (!Number.isInteger(from) || from < 0 || to > held)
      throw new HeddleError('native_call_failed', `Slot ${slot} does not hold cells ${from} to ${to}.`);
    return saveFakeCells(this.#cells.tokens(slot).slice(from, to), from, allocate);
  }

  restoreCells(slot: number, from: number, bytes: Uint8Array): RestoreOutcome {
    const held = this.cellCount(slot);
    this.#checkMemory('cells', 'cells-and-state');
    const saved = readFakeCells(bytes);
    if (held !== from || saved.from !== from)
      throw new HeddleError('native_call_failed', `Slot ${slot} holds ${held} cells, not ${saved.from}.`);
    if (this.#cells.used + saved.tokens.length > this.#capacity) return 'no-cells';
    for (const token of saved.tokens) this.#cells.append(slot, token);
    if (this.info.memory === 'cells-and-state') this.#setState(slot, 'missing');
    return 'ok';
  }

  snapshotSize(slot: number): number {
    const held = this.cellCount(slot);
    this.#checkMemory('cells-and-state', 'state');
    if (held === 0 || this.#stateless.has(slot))
      throw new HeddleError('native_call_failed', `Slot ${slot} has no state.`);
    return fakeStateSize(this.info.memory === 'state' ? held : 0);
  }

  saveSnapshot<Bytes extends Uint8Array>(slot: number, allocate: Allocate<Bytes>): Bytes {
    this.snapshotSize(slot);
    const tokens = this.#cells.tokens(slot);
    const hash = hashOf(tokens) ^ (this.#misfits.get(slot) ?? 0);
    const kept = this.info.memory === 'state' ? tokens : [];
    return saveFakeState({ count: tokens.length, hash, tokens: kept }, allocate);
  }

  restoreSnapshot(slot: number, bytes: Uint8Array): RestoreOutcome {
    const held = this.cellCount(slot);
    this.#checkMemory('cells-and-state', 'state');
    const hasCells = this.info.memory === 'cells-and-state';
    const { count, hash, tokens } = readFakeState(bytes, !hasCells);
    if (hasCells ? held < count : held > 0)
      throw new HeddleError('native_call_failed', `Slot ${slot} holds ${held} cells, not ${count}.`);
    if (this.#cells.used + tokens.length > this.#capacity) return 'no-cells';
    for (const token of tokens) this.#cells.append(slot, token);
    this.#cells.remove(slot, count, Infinity);
    this.#setState(slot, hash ^ hashOf(this.#cells.tokens(slot)));
    return 'ok';
  }

  setThreads(_threads: number): void {
    this.#checkAlive();
  }

  memory(): MemoryReading {
    return { residentBytes: process.memoryUsage.rss() };
  }

  threadId(): number {
    return threadId;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  dispose(): void {
    this.#disposed = true;
  }

  #logits(row: number): Float64Array {
    this.#checkAlive();
    const output = this.#outputs.get(row);
    if (output === undefined || !this.info.causal)
      throw new HeddleError('native_call_failed', `Row ${row} of the last batch has no logits.`);
    const hash = hashOf(output.tokens) ^ output.state;
    const base = baseLogitsAfter(output.tokens);
    return Float64Array.from(
      { length: fakeVocabularySize },
      (_, token) => base(token) + 4 * noise(hash, token),
    );
  }

  /** llama.cpp refuses these batches, or aborts the process. */
  #checkBatch({ spans, rows, embeds }: Batch): void {
    const filled = new Map<number, number>();
    let [total, outputs] = [0, 0];
    for (const span of spans) {
      const { slot, start, tokens } = span;
      const count = filled.get(slot) ?? this.#cells.count(slot);
      if (this.#stateless.has(slot))
        throw new HeddleError('native_call_failed', `Slot ${slot} has cells without a state.`);
      if (start !== count)
        throw new HeddleError('native_call_failed', `Slot ${slot} holds ${count} tokens, not ${start}.`);
      for (const token of tokens) this.#checkToken(token, 'native_call_failed');
      filled.set(slot, count + tokens.length);
      total += tokens.length;
      outputs += tokens.length - (embeds === true ? 0 : firstOutput(span));
    }
    if (outputs > this.info.outputRows)
      throw new HeddleError('native_call_failed', `A batch can not have ${outputs} rows of results.`);
    if (total !== rows || rows < 1 || rows > this.info.batchSize)
      throw new HeddleError('native_call_failed', `A batch of ${total} (${rows}) rows can not be decoded.`);
  }

  #checkToken(token: Token, code: 'invalid_parameter' | 'native_call_failed'): void {
    if (Number.isInteger(token) && token >= 0 && token < fakeVocabularySize) return;
    throw new HeddleError(code, `${token} is not a token of the fake model.`);
  }

  /** @param state `empty`, `missing` beside cells, or by what it is off */
  #setState(slot: number, state: 'empty' | 'missing' | number): void {
    if (state === 'missing') this.#stateless.add(slot);
    else this.#stateless.delete(slot);
    if (typeof state === 'number' && state !== 0) this.#misfits.set(slot, state);
    else this.#misfits.delete(slot);
  }

  #checkMemory(...known: ModelMemory[]): void {
    this.#checkAlive();
    if (known.includes(this.info.memory)) return;
    throw new HeddleError('unsupported_by_model', `The fake model has a memory of ${this.info.memory}.`);
  }

  #checkAlive(): void {
    if (this.#disposed) throw new HeddleError('handle_disposed', 'The fake model was already freed.');
  }

  /** Sleeps, as a thread inside a native call does: nothing else runs on it. */
  #wait(milliseconds: number): void {
    this.#owed += milliseconds;
    while (this.#owed >= 1) {
      Atomics.wait(this.#sleeper, 0, 0, Math.min(this.#owed, 1));
      this.#owed -= 1;
      if (Atomics.load(this.#abortFlag, 0) !== 0) this.#owed = 0;
    }
  }
}

function reranking({ rerankTemplate }: FakeOptions): RerankingInfo {
  return {
    marks: { before: [beginToken], between: [endToken], after: [endToken] },
    ...(rerankTemplate === undefined ? {} : { template: rerankTemplate }),
  };
}

/** Ends the worker thread as no command's error could. */
function crash(how: FakeCrash): void {
  if (isMainThread) throw new RangeError('A fake model can only crash a thread of its own.');
  if (how !== 'throw') process.exit(how === 'exit' ? 70 : 0);
  setImmediate(() => {
    throw new RangeError('the fake model crashed');
  });
}

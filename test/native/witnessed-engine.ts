import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { GenerateRequest, SamplingParams, Token } from '../../src/core/generation.js';
import type { LoadOptions, ModelRunner } from '../../src/core/model-runner.js';
import { AbortBoard } from '../../src/engine/abort-board.js';
import { BlockCache } from '../../src/engine/block-cache.js';
import { EngineCore } from '../../src/engine/engine-core.js';
import { modelIdentity } from '../../src/engine/model-identity.js';
import { openRunner } from '../../src/native/llama-runner.js';
import { fingerprintOf } from '../../src/prefix-cache/block-id.js';
import { PrefixStore, type PrefixStoreStats } from '../../src/prefix-cache/prefix-store.js';
import { defaultDiskSettings } from '../../src/prefix-cache/store-settings.js';
import { makeRequest, makeScoreRequest } from '../../src/testing/requests.js';

/** What a request came to, token by token. */
export interface Answer {
  readonly tokens: readonly Token[];
  /** Of each token when it was drawn. */
  readonly logProbabilities: readonly number[];
  /** Tokens of its prompt that it did not compute. */
  readonly cachedTokens: number;
}

/** What was done to the memory of the model, as counts. */
export interface MemoryCounts {
  shares: number;
  cuts: number;
  restores: number;
  snapshots: number;
  /** Lanes that were gone on with where they ended, at least. */
  takeOvers: number;
}

export interface WitnessedOptions {
  readonly modelPath: string;
  readonly contextSize: number;
  readonly slots: number;
  readonly residentSlots?: number;
  readonly batchSize?: number;
  /** RAM for blocks, in the size of 64 tokens with a state, where the memory has one; no caches when absent. */
  readonly hostBlocks?: number;
  readonly directory?: string;
}

interface Asked {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly tokens: Token[];
  readonly logProbabilities: number[];
  cachedTokens: number;
}

const libraryLock = new Int32Array(new SharedArrayBuffer(4));

/** An engine on this thread, on a real model, of which every draw and everything done to its memory is known. */
export class WitnessedEngine {
  readonly runner: ModelRunner;
  readonly core: EngineCore;
  readonly cache: BlockCache | undefined;
  readonly memory: MemoryCounts;
  readonly #asked = new Map<string, Asked>();
  readonly #scores = new Map<string, (logProbability: number) => void>();
  readonly #witness: { draws: Pick<Asked, 'tokens' | 'logProbabilities'> | undefined };
  #lane = 0;
  #driving: Promise<void> | undefined;

  static async open(options: WitnessedOptions): Promise<WitnessedEngine> {
    const board = new AbortBoard();
    const { modelPath, contextSize, slots, residentSlots = 0, batchSize = 256 } = options;
    const load: LoadOptions = { modelPath, contextSize, slots, residentSlots, batchSize, threads: 1 };
    const runner = await openRunner(load, { abortFlag: board.flag, libraryLock, onProgress: () => true });
    return new WitnessedEngine(runner, board, options);
  }

  private constructor(runner: ModelRunner, board: AbortBoard, options: WitnessedOptions) {
    this.runner = runner;
    this.#witness = witnessDraws(runner);
    this.memory = watchMemory(runner);
    this.cache = openCache(runner, options);
    this.core = new EngineCore(runner, board, { threads: 1, interTokenTarget: 0 }, this.cache);
  }

  /** Generates after a prompt; resolves when it is done. Steps are computed as long as anything is asked. */
  async ask(
    prompt: readonly Token[],
    options: { maxTokens: number; sampling?: Partial<SamplingParams>; use?: boolean },
  ): Promise<Answer> {
    const { maxTokens, sampling = {}, use = true } = options;
    return this.generate(makeRequest({ prompt, sampling, stop: { maxTokens }, cache: { use } }));
  }

  async generate(request: GenerateRequest): Promise<Answer> {
    const answered = new Promise<Answer>((resolve, reject) => {
      const asked: Asked = { resolve, reject, tokens: [], logProbabilities: [], cachedTokens: 0 };
      this.#asked.set(request.id, asked);
      this.#witness.draws = asked;
      this.core.generate(request, this.#lane++ % 1024);
      this.#witness.draws = undefined;
    });
    return this.#drivenTo(answered);
  }

  /** How likely a token is after others. */
  async logProbability(before: readonly Token[], token: Token): Promise<number> {
    const request = makeScoreRequest(before, [token]);
    const scored = new Promise<number>((resolve) => {
      this.#scores.set(request.id, resolve);
      this.core.score(request, this.#lane++ % 1024);
    });
    return this.#drivenTo(scored);
  }

  /** Saves all that is to be saved. */
  tidy(): void {
    while (this.core.tidy());
  }

  async close(): Promise<PrefixStoreStats | undefined> {
    const stats = await this.cache?.store.stats();
    await this.core.keepPrompts(10_000);
    this.core.close();
    return stats;
  }

  /** Steps are computed until all is answered; what goes wrong with them fails whoever waits. */
  async #drivenTo<T>(answer: Promise<T>): Promise<T> {
    this.#driving ??= this.#drive().finally(() => (this.#driving = undefined));
    await Promise.race([answer, this.#driving]);
    return answer;
  }

  async #drive(): Promise<void> {
    while (this.#asked.size + this.#scores.size > 0) {
      const { shares, restores } = this.memory;
      if (!this.core.idle) this.core.step();
      let reusing = 0;
      for (const update of this.core.takeUpdates()) {
        if (update.kind === 'started' && update.cachedTokens > 0) reusing++;
        const asked = this.#asked.get(update.requestId);
        if (update.kind === 'started' && asked !== undefined) asked.cachedTokens = update.cachedTokens;
        if (update.kind === 'failed') {
          asked?.reject(new Error(update.error.message));
          this.#asked.delete(update.requestId);
        }
        if (update.kind === 'choice' && update.finish !== undefined) {
          asked?.resolve({ ...asked });
          this.#asked.delete(update.requestId);
        }
        if (update.kind === 'score') {
          this.#scores.get(update.requestId)?.(update.score.logProbabilities.at(-1) ?? NaN);
          this.#scores.delete(update.requestId);
        }
      }
      const others = this.memory.shares - shares + this.memory.restores - restores;
      this.memory.takeOvers += Math.max(0, reusing - others);
      await eventLoopTurn();
    }
  }
}

/** Notes what samplers draw, for those that are made while somebody wants to know. */
function witnessDraws(runner: ModelRunner): {
  draws: Pick<Asked, 'tokens' | 'logProbabilities'> | undefined;
} {
  const witness: { draws: Pick<Asked, 'tokens' | 'logProbabilities'> | undefined } = { draws: undefined };
  const createSampler = runner.createSampler.bind(runner);
  runner.createSampler = (params, options) => {
    const sampler = createSampler(params, options);
    const { draws } = witness;
    const sample = sampler.sample.bind(sampler);
    sampler.sample = (row) => {
      const token = sample(row);
      draws?.tokens.push(token);
      draws?.logProbabilities.push(runner.logProbability(row, token));
      return token;
    };
    return sampler;
  };
  return witness;
}

function watchMemory(runner: ModelRunner): MemoryCounts {
  const counts: MemoryCounts = { shares: 0, cuts: 0, restores: 0, snapshots: 0, takeOvers: 0 };
  const shareCells = runner.shareCells.bind(runner);
  const removeCells = runner.removeCells.bind(runner);
  const restoreCells = runner.restoreCells.bind(runner);
  const restoreSnapshot = runner.restoreSnapshot.bind(runner);
  runner.shareCells = (...args) => {
    counts.shares++;
    shareCells(...args);
  };
  runner.removeCells = (slot, from, to) => {
    if (from > 0 && from < runner.cellCount(slot)) counts.cuts++;
    return removeCells(slot, from, to);
  };
  runner.restoreCells = (...args) => {
    counts.restores++;
    return restoreCells(...args);
  };
  runner.restoreSnapshot = (...args) => {
    counts.snapshots++;
    counts.restores++;
    return restoreSnapshot(...args);
  };
  return counts;
}

function openCache(
  runner: ModelRunner,
  { modelPath, hostBlocks, directory }: WitnessedOptions,
): BlockCache | undefined {
  if (hostBlocks === undefined) return undefined;
  const { stateFormat, architecture } = runner.info;
  const fingerprint = fingerprintOf({ model: modelIdentity(modelPath), stateFormat, architecture });
  const hostBytes = hostBlocks * blockBytes(runner);
  const disk =
    directory === undefined
      ? undefined
      : { ...defaultDiskSettings(directory), bytes: 2 ** 30, freeFloor: 0, patience: 60_000 };
  const store = new PrefixStore({ fingerprint, hostBytes, spareBytes: hostBytes / 8, disk });
  return new BlockCache(runner, store, fingerprint);
}

/** What 64 tokens take, and the state of a sequence. */
function blockBytes(runner: ModelRunner): number {
  const { memory } = runner.info;
  let bytes = memory === 'state' ? 0 : runner.cellsSize(64);
  if (memory !== 'cells') {
    runner.decode({ spans: [{ sequenceId: 0, slot: 0, start: 0, tokens: [1, 2], output: true }], rows: 2 });
    bytes += runner.snapshotSize(0);
    runner.removeCells(0, 0, -1);
  }
  return Math.ceil(bytes * 1.1);
}

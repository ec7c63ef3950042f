import { gpuMemoryBytes, type MemoryNeed, type SettleReport } from '../core/memory.js';
import type { Engine } from '../engine/engine.js';
import type { HolderState } from './memory-budget.js';
import type { ProcessMemory } from './memory-probe.js';
import type { PoolPolicy } from './pool-policy.js';
import { settleReport, type Release, type SettleBarrier, type Settlement } from './settle-barrier.js';

/** Memory that stays when an engine is gone, or should be. */
export interface Remainder {
  bytes: number;
  /** Of the GPUs' own memory; absent for nothing. */
  gpuBytes?: number;
  state: Extract<HolderState, 'releasing' | 'quarantined' | 'leaked'>;
}

/** The memory of one model: what its engine holds, and what earlier engines have not been seen to give back. */
export class ModelMemory {
  readonly #barrier: SettleBarrier;
  readonly #policy: () => PoolPolicy;
  readonly #onChange: () => void;
  #engineBytes = 0;
  #promptBytes = 0;
  #measuredBytes: number | undefined;
  #need: MemoryNeed | undefined;
  #processId: number | undefined;
  readonly #remainders = new Set<Remainder>();
  #lastReport: SettleReport | undefined;

  /** @param onChange something was given back, or is known to be lost */
  constructor(barrier: SettleBarrier, policy: () => PoolPolicy, onChange: () => void) {
    this.#barrier = barrier;
    this.#policy = policy;
    this.#onChange = onChange;
  }

  /** What the engine holds or has reserved, prompts included, bytes: the greater of that and of the measurement. */
  get engineBytes(): number {
    if (this.#engineBytes === 0) return 0;
    return Math.max(this.#engineBytes + this.#promptBytes, this.#measuredBytes ?? 0);
  }

  /** What the engine is predicted to take, with its host and without prompts, bytes; 0 without an engine. */
  get predictedBytes(): number {
    return this.#engineBytes;
  }

  /** What is reserved for prompts beside the KV cache, bytes. */
  get promptBytes(): number {
    return this.#promptBytes;
  }

  /** What the engine's process was last seen to hold, bytes; undefined for a thread, and before the first reading. */
  get measuredBytes(): number | undefined {
    return this.#measuredBytes;
  }

  /** What the engine is predicted to take of the GPUs' own memory, bytes; 0 without a prediction. */
  get neededGpuBytes(): number {
    return this.#need === undefined ? 0 : gpuMemoryBytes(this.#need);
  }

  /** What the engine holds or has reserved of the GPUs' own memory, bytes. */
  get gpuBytes(): number {
    return this.#engineBytes === 0 ? 0 : this.neededGpuBytes;
  }

  get remainders(): ReadonlySet<Remainder> {
    return this.#remainders;
  }

  /** The verdict on the last engine that ended. */
  get lastReport(): SettleReport | undefined {
    return this.#lastReport;
  }

  /** The prediction for an engine whose host has been started. */
  predicted(engine: Engine, need: MemoryNeed): void {
    this.#need = need;
    this.#processId = engine.processId;
    this.#measuredBytes = undefined;
  }

  /**
   * From now on the bytes are the engine's.
   * @param promptBytes what it may take for prompts beside the KV cache
   */
  reserve(engineBytes: number, promptBytes: number): void {
    this.#engineBytes = engineBytes;
    this.#promptBytes = promptBytes;
    if (this.#processId === undefined) this.#barrier.disturb();
  }

  /**
   * What the engine's process holds. Of the pages of files only the model's count: all processes of the server share
   * those of Node's program.
   */
  measured({ residentBytes, anonymousBytes }: ProcessMemory): void {
    if (this.#need === undefined || this.#engineBytes === 0 || anonymousBytes === undefined) return;
    const { mappedWeightBytes, codeBytes } = this.#need;
    this.#measuredBytes =
      anonymousBytes + Math.min(residentBytes - anonymousBytes, mappedWeightBytes + codeBytes);
  }

  /** To be called before the engine is torn down, and handed to {@link settle} afterwards. */
  async prepareRelease(): Promise<Release> {
    return this.#barrier.prepare(this.#processId, this.#need);
  }

  /** The engine is gone for certain, and took no teardown: nothing of a process stays, of a thread nobody knows. */
  forget(): void {
    this.#engineBytes = 0;
    this.#promptBytes = 0;
    this.#need = undefined;
    this.#measuredBytes = undefined;
  }

  /** The engine can not be shown to have ended: its bytes stay until it has. */
  quarantine(engine: Engine): void {
    const remainder: Remainder = {
      bytes: this.engineBytes,
      ...(this.gpuBytes > 0 ? { gpuBytes: this.gpuBytes } : {}),
      state: 'quarantined',
    };
    this.forget();
    this.#remainders.add(remainder);
    void engine.departed.then(() => {
      this.#remainders.delete(remainder);
      this.#onChange();
    });
  }

  /**
   * The engine has ended. Resolves when its memory is back, or the settle deadline has passed: what is missing then stays
   * on the ledger, and is waited for in the background.
   * @param onReport hears the verdict
   */
  async settle(release: Release, onReport: (report: SettleReport) => void): Promise<void> {
    const { settleDeadline, leakDeadline } = this.#policy();
    const started = performance.now();
    const report = (settlement: Parameters<typeof settleReport>[1], late: boolean): void => {
      this.#lastReport = settleReport(release, settlement, {
        late,
        milliseconds: performance.now() - started,
      });
      onReport(this.#lastReport);
    };
    const early = await this.#barrier.wait(release, settleDeadline);
    this.forget();
    if (early.state !== 'missing') {
      report(early, false);
      return;
    }
    const remainder: Remainder = { ...missingOf(release, early), state: 'releasing' };
    this.#remainders.add(remainder);
    void this.#barrier.wait(release, leakDeadline, { background: true }).then((late) => {
      if (late.state === 'missing') Object.assign(remainder, missingOf(release, late), { state: 'leaked' });
      else this.#remainders.delete(remainder);
      report(late, true);
      this.#onChange();
    });
  }
}

/** What has not come back, bytes. */
function missingOf(
  release: Release,
  { returnedBytes = 0, returnedGpuBytes = 0 }: Settlement,
): Pick<Remainder, 'bytes' | 'gpuBytes'> {
  const gpuBytes = Math.max(0, (release.gpu?.expectedBytes ?? 0) - returnedGpuBytes);
  return {
    bytes: Math.max(0, release.expectedBytes - returnedBytes),
    ...(release.gpu === undefined ? {} : { gpuBytes }),
  };
}

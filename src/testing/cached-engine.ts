import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { HeddleError } from '../core/errors.js';
import type { GenerateRequest } from '../core/generation.js';
import type { Allocate, RestoreOutcome } from '../core/model-runner.js';
import { AbortBoard } from '../engine/abort-board.js';
import { BlockCache } from '../engine/block-cache.js';
import { EngineCore } from '../engine/engine-core.js';
import { PrefixStore } from '../prefix-cache/prefix-store.js';
import { defaultDiskSettings } from '../prefix-cache/store-settings.js';
import { Scheduler } from '../scheduler/scheduler.js';
import { testFingerprint } from './blocks.js';
import { FakeRunner } from './fake-runner.js';
import type { Random } from './random.js';

export interface CachedEngineOptions {
  /** Of the fake model. */
  readonly modelPath: string;
  readonly contextSize?: number;
  readonly slots?: number;
  readonly residentSlots?: number;
  readonly batchSize?: number;
  readonly hostBytes?: number;
  /** A directory for the disk tier; its name says what is wrong with the disk (`unreliable-disk-thread.ts`). */
  readonly directory?: string | undefined;
  /** Of what makes states exchangeable. */
  readonly fingerprint?: string;
  /** What may wait for the disk. */
  readonly queueBytes?: number;
  /** How long the disk may be silent, milliseconds. */
  readonly patience?: number;
  /** Module of another disk thread. */
  readonly threadModule?: string | URL;
}

const unreliableDisk = pathToFileURL(resolve('dist/testing/unreliable-disk-thread.js'));

/** A fake model whose library does not always give or take what is to be saved or restored. */
export class UnsteadyRunner extends FakeRunner {
  /** Probability that saving or restoring fails, with nothing changed. */
  unsteadiness = 0;
  random: Random | undefined;

  override saveCells<Bytes extends Uint8Array>(
    slot: number,
    from: number,
    to: number,
    allocate: Allocate<Bytes>,
  ): Bytes {
    this.#mayFail();
    return super.saveCells(slot, from, to, allocate);
  }

  override restoreCells(slot: number, from: number, bytes: Uint8Array): RestoreOutcome {
    this.#mayFail();
    return super.restoreCells(slot, from, bytes);
  }

  override saveSnapshot<Bytes extends Uint8Array>(slot: number, allocate: Allocate<Bytes>): Bytes {
    this.#mayFail();
    return super.saveSnapshot(slot, allocate);
  }

  override restoreSnapshot(slot: number, bytes: Uint8Array): RestoreOutcome {
    this.#mayFail();
    return super.restoreSnapshot(slot, bytes);
  }

  #mayFail(): void {
    if (this.random?.chance(this.unsteadiness) === true)
      throw new HeddleError('native_call_failed', 'The fake library does not want to.');
  }
}

/** A cache that has hardly any time to put things back, at random: it breaks off at the first block, or later. */
export class HurriedCache extends BlockCache {
  random: Random | undefined;
  /** How often it broke off. */
  brokenOff = 0;

  override restore(...[lane, prompt, held, how]: Parameters<BlockCache['restore']>): {
    held: number;
    brokeOff: boolean;
  } {
    const milliseconds = this.random?.pick([-1, 0.005, 0.02, Infinity]) ?? how.milliseconds;
    const now = super.restore(lane, prompt, held, { ...how, milliseconds });
    if (now.brokeOff) this.brokenOff++;
    return now;
  }
}

/** An engine core with all tiers of the prompt cache on a fake model, whose books can be held against the model's. */
export class CachedEngine {
  readonly board = new AbortBoard();
  readonly runner: UnsteadyRunner;
  readonly store: PrefixStore;
  readonly cache: HurriedCache;
  readonly core: EngineCore;
  #scheduler: Scheduler | undefined;

  constructor({
    modelPath,
    contextSize = 512,
    slots = 4,
    residentSlots = 4,
    batchSize = 64,
    hostBytes = 2 ** 20,
    directory,
    fingerprint = testFingerprint,
    queueBytes = 2 ** 20,
    patience = 5_000,
    threadModule = unreliableDisk,
  }: CachedEngineOptions) {
    this.runner = new UnsteadyRunner(
      { modelPath, contextSize, slots, residentSlots, batchSize, threads: 1 },
      this.board.flag,
    );
    const disk =
      directory === undefined
        ? undefined
        : { ...defaultDiskSettings(directory), bytes: 2 ** 24, freeFloor: 0, queueBytes, patience };
    this.store = new PrefixStore({
      fingerprint,
      hostBytes,
      spareBytes: 4096,
      disk,
      threadModule,
    });
    this.cache = new HurriedCache(this.runner, this.store, fingerprint);
    this.core = new EngineCore(this.runner, this.board, { threads: 1, interTokenTarget: 0 }, this.cache);
    this.#findScheduler();
  }

  /** Serves one request, alone. */
  async answer(request: GenerateRequest): Promise<{ texts: readonly string[]; cachedTokens: number }> {
    const texts: string[] = [];
    let cachedTokens = 0;
    this.core.generate(request, 0);
    for (let left = request.choices; left > 0;) {
      if (this.core.idle) await sleep(1);
      else this.core.step();
      for (const update of this.core.takeUpdates()) {
        if (update.kind === 'failed') throw new Error(`${update.error.code}: ${update.error.message}`);
        if (update.kind === 'started') cachedTokens = update.cachedTokens;
        if (update.kind !== 'choice') continue;
        texts[update.choice] = (texts[update.choice] ?? '') + update.text;
        if (update.finish !== undefined) left--;
      }
    }
    this.check();
    return { texts, cachedTokens };
  }

  /** Keeps what is to be kept on disk, and ends. */
  async close(): Promise<void> {
    this.core.endRequests();
    await this.core.keepPrompts(5_000);
    this.core.close();
  }

  /** @throws AssertionError when the engine's books are not what the model holds */
  check(): void {
    const scheduler = this.#scheduler;
    if (scheduler === undefined) return;
    const { runner } = this;
    const { running, residents, usedCells, residentCells } = scheduler;
    const taken = new Set<number>();
    for (const { slot = -1, tokens, computed } of running) {
      assert.ok(!taken.has(slot), 'two sequences have one lane');
      taken.add(slot);
      assert.deepEqual(runner.tokensIn(slot), tokens.slice(0, computed), 'a running lane holds other tokens');
    }
    for (const [lane, { tokens }] of residents) {
      assert.ok(!taken.has(lane), 'a resident has the lane of a running sequence');
      taken.add(lane);
      assert.deepEqual(runner.tokensIn(lane), tokens, 'a resident lane holds other tokens');
    }
    for (let lane = 0; lane < runner.info.lanes; lane++)
      if (!taken.has(lane)) assert.equal(runner.cellCount(lane), 0, 'a free lane is not empty');
    const promised = running.reduce(
      (sum, { tokens, leader, computed }) => sum + tokens.length - (leader?.promptLength ?? computed),
      0,
    );
    assert.equal(runner.usedCells, usedCells - promised + residentCells, 'cells are counted wrongly');
  }

  /** The core shows its scheduler to nobody, but each step calls it. */
  #findScheduler(): void {
    const { admit: real } = Object.getOwnPropertyDescriptors(Scheduler.prototype);
    const found = (scheduler: Scheduler): void => void (this.#scheduler = scheduler);
    Object.defineProperty(Scheduler.prototype, 'admit', {
      ...real,
      value(this: Scheduler) {
        found(this);
        return real.value?.call(this);
      },
    });
    this.core.step();
    Object.defineProperty(Scheduler.prototype, 'admit', real);
  }
}

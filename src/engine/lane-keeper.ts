import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { ModelRunner } from '../core/model-runner.js';
import { cacheBlockTokens } from '../core/prompt-cache.js';
import type { Sequence } from '../core/sequence.js';
import type { LaneOperation } from '../scheduler/lanes.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import type { BlockCache, CachedTokens } from './block-cache.js';

/** How long prompts are saved after a step that others wait behind, and in one go when nobody waits; milliseconds. */
const busySaving = 2;
const idleSaving = 20;

/** What is moved between the KV cache and RAM before a step takes no longer, while others wait for it; milliseconds. */
const longestMove = 60;
/** So long may each move take, whatever others took. */
const leastMove = 10;

/** A sequence is saved ahead when it is the one to lose its cells before every one that runs has so many tokens more. */
const savedAhead = 64;

/**
 * The lanes of a KV cache: does to them what the scheduler has decided, fills them with what the tiers below have of a
 * prompt, and saves there what they hold. On the engine thread, between decodes.
 */
export class LaneKeeper {
  readonly #runner: ModelRunner;
  readonly #scheduler: Scheduler;
  readonly #cache: BlockCache | undefined;
  /** When this step has moved enough between the tiers, milliseconds on the clock of `performance`. */
  #moveUntil = 0;
  #aside = 0;
  /** A running sequence that may lose its cells soon, and what of it is being saved until then. */
  #endangered: { readonly sequence: Sequence; readonly content: CachedTokens } | undefined;

  /** @param cache where prompts are kept beside the KV cache; nowhere when absent */
  constructor(runner: ModelRunner, scheduler: Scheduler, cache: BlockCache | undefined) {
    this.#runner = runner;
    this.#scheduler = scheduler;
    this.#cache = cache;
  }

  /** Milliseconds of this step that went into snapshots. */
  get aside(): number {
    return this.#aside;
  }

  /** A step begins, and with it the time that it has for moves. */
  stepBegins(): void {
    this.#moveUntil = performance.now() + longestMove;
    this.#aside = 0;
  }

  /** A step was made: what may be needed soon is saved, as far as a step leaves time for it. */
  stepEnded(): void {
    this.#saveAhead();
    this.#cache?.saveSome(busySaving, this.#isThere);
  }

  perform(operations: readonly LaneOperation[]): void {
    for (const operation of operations) {
      switch (operation.kind) {
        case 'empty':
          if (operation.content !== undefined) this.#saveNow(operation.lane, operation.content);
          this.empty(operation.lane);
          break;
        case 'cut':
          this.#saveNow(operation.lane, operation.content);
          this.#runner.removeCells(operation.lane, operation.length, -1);
          break;
        case 'share':
          this.share(operation.source, operation.target, operation.count);
          break;
      }
    }
  }

  /** The first cells of a lane are those of another, too. @param count of cells */
  share(source: number, target: number, count: number): void {
    this.#runner.shareCells(source, target);
    if (this.#runner.cellCount(target) > count) this.#runner.removeCells(target, count, -1);
  }

  /** Nothing is left in a lane: a whole sequence can be removed from every kind of memory. */
  empty(lane: number): void {
    this.#runner.removeCells(lane, 0, -1);
  }

  /** Finished sequences leave the cache, and are saved nowhere. @returns how many there were */
  evictResidents(): number {
    const { size } = this.#scheduler.residents;
    this.#scheduler.evictResidents();
    const operations = this.#scheduler.takeOperations();
    this.perform(operations.map((one) => (one.kind === 'empty' ? { kind: one.kind, lane: one.lane } : one)));
    return size;
  }

  /**
   * A sequence has a lane: what the tiers below the KV cache have of its prompt is put there.
   * @returns whether all of it is; otherwise there is more of it before the next step
   */
  restore(sequence: Sequence): boolean {
    const { slot, leader } = sequence;
    const prompt = promptOf(sequence);
    if (this.#cache === undefined || prompt === undefined || slot === undefined || leader !== undefined)
      return true;
    const cut = (length: number): void => {
      this.#runner.removeCells(slot, length, -1);
      this.#scheduler.restored(sequence, length);
    };
    const others = this.#scheduler.running.length > 1;
    const milliseconds = others ? this.#moveUntil - performance.now() : Infinity;
    const how = { cut, milliseconds, goingOn: sequence.restoring };
    const { held, brokeOff } = this.#cache.restore(slot, prompt, sequence.computed, how);
    this.#scheduler.restored(sequence, held);
    this.#scheduler.setRestoring(sequence, brokeOff);
    if (brokeOff) return false;
    this.#scheduler.stopAt(sequence, this.#cache.snapshotPositions(prompt, held, sequence.boundaries));
    return true;
  }

  /**
   * Rows were computed: if they end where a state is wanted, it is saved.
   * @param isOnlyAnswer of its prompt: of several only one is gone on with
   */
  takeSnapshot(sequence: Sequence, isOnlyAnswer: boolean): void {
    const { scope, slot, stops, computed, tokens, promptLength } = sequence;
    if (scope === undefined || slot === undefined || this.#cache === undefined) return;
    const ahead = computed <= (stops.at(-1) ?? -1);
    const generated = computed > promptLength && computed % cacheBlockTokens === 0 && isOnlyAnswer;
    if (!ahead && !generated) return;
    const started = performance.now();
    const content = { scope, tokens: tokens.slice(0, computed) };
    if (stops.includes(computed)) this.#cache.saveSnapshot(slot, content);
    else if (ahead) this.#cache.saveProgress(slot, content);
    else this.#cache.keepState(slot, content);
    this.#aside += performance.now() - started;
  }

  /** A sequence has left its lane, where what it computed may stay as a resident. */
  left(sequence: Sequence, lane: number | undefined): void {
    const content = lane === undefined ? undefined : this.#scheduler.residents.get(lane);
    if (lane !== undefined && content !== undefined) this.#cache?.enqueue(lane, content);
    this.perform(this.#scheduler.takeOperations());
    if (this.#endangered?.sequence === sequence) this.#endangered = undefined;
  }

  /**
   * Saves while there is nothing to compute, for some milliseconds.
   * @returns whether more of it can be done at once
   */
  tidy(): boolean {
    this.#cache?.saveSome(idleSaving, this.#isThere);
    if (this.#cache?.saving === true && this.#cache.store.takesMore) return true;
    return this.#cache?.store.prepare() === true;
  }

  /** Writes what is to be kept of prompts to the disk, as far as there is time for it; milliseconds. Nothing is kept after. */
  async keepPrompts(deadline: number): Promise<void> {
    const cache = this.#cache;
    if (cache === undefined) return;
    const started = performance.now();
    const left = (): number => Math.max(0, deadline - (performance.now() - started));
    while (cache.store.hasDisk && cache.saving && left() > 0) {
      cache.saveSome(Math.min(idleSaving, left()), this.#isThere);
      // The disk says what it has written, and there is room for more.
      await (cache.store.takesMore ? eventLoopTurn() : cache.store.flush(left()));
    }
    cache.forget();
    await cache.store.close(left());
  }

  /** What is to be saved is still in its lane. */
  readonly #isThere = (lane: number, content: CachedTokens): boolean => {
    if (this.#scheduler.residents.get(lane) === content) return true;
    const { sequence, content: ahead } = this.#endangered ?? {};
    return content === ahead && sequence?.slot === lane && sequence.computed >= content.tokens.length;
  };

  /** The sequence that is the next to lose its cells is saved before: when it does, the step has little time for it. */
  #saveAhead(): void {
    if (this.#cache === undefined || this.#runner.info.memory !== 'cells') return;
    const sequence = this.#scheduler.endangered(savedAhead);
    if (sequence?.scope === undefined || sequence.slot === undefined) return;
    const { scope, slot, computed, tokens } = sequence;
    const saved = this.#endangered?.sequence === sequence ? this.#endangered.content.tokens.length : 0;
    if (computed < saved + cacheBlockTokens) return;
    const content = { scope, tokens: tokens.slice(0, computed) };
    this.#endangered = { sequence, content };
    this.#cache.enqueue(slot, content);
  }

  #saveNow(lane: number, content: CachedTokens): void {
    this.#cache?.saveNow(lane, content, Math.max(leastMove, this.#moveUntil - performance.now()));
  }
}

/** What others may reuse of a sequence, and with whom. */
export function promptOf({ scope, tokens }: Sequence): CachedTokens | undefined {
  return scope === undefined ? undefined : { scope, tokens };
}

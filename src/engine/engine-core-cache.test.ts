import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setImmediate as eventLoopTurn, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { ErrorData } from '../core/errors.js';
import type { GenerateRequest } from '../core/generation.js';
import type { CacheHolding } from '../core/prompt-cache.js';
import type { RequestUpdate } from '../core/request-update.js';
import { TemporaryFolder } from '../testing/blocks.js';
import { CachedEngine, type CachedEngineOptions } from '../testing/cached-engine.js';
import { PlainAnswers } from '../testing/plain-answers.js';
import { Random } from '../testing/random.js';
import { makeRequest, makeScoreRequest } from '../testing/requests.js';

/** A request while it is not over. */
interface Live {
  readonly lane: number;
  readonly request: GenerateRequest | undefined;
  readonly texts: string[];
  choicesLeft: number;
  started: boolean;
}

/** How requests ended, and what was met on the way, as counts. */
interface Tally {
  complete: number;
  cancelled: number;
  failed: number;
  unloaded: number;
  aborts: number;
  cachedTokens: number;
  preemptions: number;
  restoredTokens: number;
  faults: number;
  diskHits: number;
  hostEvictions: number;
  unanswered: number;
}

const none: Tally = {
  complete: 0,
  cancelled: 0,
  failed: 0,
  unloaded: 0,
  aborts: 0,
  cachedTokens: 0,
  preemptions: 0,
  restoredTokens: 0,
  faults: 0,
  diskHits: 0,
  hostEvictions: 0,
  unanswered: 0,
};

const words = 'loom heddle shuttle warp weft selvage bobbin treadle reed thread spindle yarn'.split(' ');

/** An engine from load to close, to which anything happens at any time. */
class Life {
  readonly #engine: CachedEngine;
  readonly #random: Random;
  readonly #answers: PlainAnswers;
  readonly #live = new Map<string, Live>();
  /** Prompts that ended well with their answers: what the next turn of a conversation begins with. */
  readonly #histories: string[] = [];
  readonly #probes: Promise<void>[] = [];
  readonly tally: Tally = { ...none };
  #lane = 0;
  #failNext = false;

  constructor(options: CachedEngineOptions, answers: PlainAnswers, random: Random) {
    this.#engine = new CachedEngine(options);
    this.#engine.runner.random = random;
    this.#engine.runner.unsteadiness = 0.02;
    this.#answers = answers;
    this.#random = random;
  }

  /** Its disk thread is there: it takes as long to start as hundreds of steps. */
  async open(): Promise<void> {
    await this.#engine.store.stats();
  }

  async act(): Promise<void> {
    const { core, store, board } = this.#engine;
    const random = this.#random;
    const kind = random.below(100);
    if (kind < 18) this.#ask();
    else if (kind < 76) this.#step();
    else if (kind < 78) this.#cancel();
    else if (kind < 84) this.#abortStep();
    else if (kind < 85) this.#failStep();
    else if (kind < 86)
      Atomics.store(board.flag, 0, 1); // meant for a step that is over
    else if (kind < 88) this.#score();
    else if (kind < 90) this.#probe();
    else if (kind < 93) core.tidy();
    else if (kind < 95) store.hostBytes = random.pick([0, 300, 2000, 8000, 2 ** 20]);
    else if (kind < 96 && random.chance(0.2)) void store.clear();
    else if (core.idle && this.#live.size > 0) await sleep(1);
    else await eventLoopTurn();
    this.#hear();
    this.#engine.check();
  }

  /** Everything that is asked for comes to its end. */
  async finish(): Promise<void> {
    for (let turns = 0; this.#live.size > 0; turns++) {
      if (turns > 20_000) throw new Error(`requests never end: ${[...this.#live.keys()].join()}`);
      if (this.#engine.core.idle) await sleep(1);
      else this.#step();
      this.#hear();
      this.#engine.check();
    }
    const { running, waiting, usedCells } = this.#engine.core.inspect();
    assert.deepEqual({ running, waiting, usedCells }, { running: 0, waiting: 0, usedCells: 0 });
  }

  /** Whatever is still going on ends, and nothing is left. */
  async close(): Promise<void> {
    const { core, cache, store, runner } = this.#engine;
    const { host, diskHits, disk } = await store.stats();
    core.endRequests();
    this.#hear();
    assert.equal(this.#live.size, 0, 'a request did not end');
    await core.keepPrompts(2000);
    const { preemptions } = core.close();
    await Promise.all(this.#probes);
    await eventLoopTurn(); // prompts that were being read are let go of
    this.#hear();
    assert.ok(runner.disposed);
    const { payloads, host: left } = await store.stats();
    assert.deepEqual([payloads.held, left.pinned, left.blocks], [0, 0, 0], 'payloads are still held');
    const { restoredTokens, faults } = cache.counts;
    const unanswered = disk?.unanswered ?? 0;
    Object.assign(this.tally, { preemptions, restoredTokens, faults, diskHits, unanswered });
    this.tally.hostEvictions = host.evicted + host.refused;
  }

  #ask(): void {
    if (this.#live.size > 12) return;
    const random = this.#random;
    const { prompt, choices } = this.#prompt();
    const request = makeRequest({
      prompt,
      choices,
      sampling: random.chance(0.4) ? { temperature: 1, seed: random.below(3) } : {},
      stop: { maxTokens: 1 + random.below(random.chance(0.2) ? 80 : 20) },
      cache: { use: !random.chance(0.08), salt: random.chance(0.15) ? 'other' : '' },
    });
    const priority = random.pick(['high', 'normal', 'normal', 'batch'] as const);
    const fairnessKey = random.pick(['', 'a', 'b']);
    this.#begin({ ...request, priority, fairnessKey });
  }

  #prompt(): { prompt: string; choices: number } {
    const random = this.#random;
    const system = `${'You are a weaver and answer briefly. '.repeat(2 + random.below(3))}\n`;
    const history = this.#histories.length > 0 && random.chance(0.6) ? random.pick(this.#histories) : system;
    const said = Array.from({ length: 1 + random.below(14) }, () => random.pick(words)).join(' ');
    const prompt = `${history.slice(0, random.chance(0.2) ? 64 * (1 + random.below(4)) : 260)} ${said}.`;
    return {
      prompt,
      choices: random.chance(0.12) ? 2 + random.below(this.#engine.runner.info.slots - 1) : 1,
    };
  }

  #begin(request: GenerateRequest): void {
    const lane = this.#openLane();
    this.#live.set(request.id, {
      lane,
      request,
      texts: [],
      choicesLeft: request.choices,
      started: false,
    });
    this.#engine.core.generate(request, lane);
  }

  #score(): void {
    const request = makeScoreRequest(this.#prompt().prompt, 'warp and weft');
    const lane = this.#openLane();
    this.#live.set(request.id, { lane, request: undefined, texts: [], choicesLeft: 0, started: false });
    this.#engine.core.score(request, lane);
  }

  #openLane(): number {
    const lane = this.#lane++ % 1024;
    this.#engine.board.openLane(lane);
    return lane;
  }

  #step(): void {
    this.#engine.core.step();
  }

  #cancel(): void {
    if (this.#live.size === 0) return;
    const [id, { lane }] = this.#random.pick([...this.#live]);
    if (this.#random.chance(0.5)) this.#engine.board.cancel(lane);
    this.#engine.core.cancel(id);
  }

  /** A client leaves in the middle of a decode: the engine reads its command after the step. */
  #abortStep(): void {
    if (this.#live.size === 0) return;
    const [id, { lane }] = this.#random.pick([...this.#live].slice(-2));
    const at = this.#random.below(30);
    const before = this.#engine.core.inspect().abortedSteps;
    this.#engine.runner.beforeRow = (row) => {
      if (row === at) this.#engine.board.cancel(lane);
    };
    this.#step();
    this.#engine.runner.beforeRow = undefined;
    this.tally.aborts += this.#engine.core.inspect().abortedSteps - before;
    if (this.#random.chance(0.3)) {
      this.#hear();
      this.#engine.check();
      this.#step();
    }
    this.#engine.core.cancel(id);
  }

  /** The library fails in the middle of a decode: what it has done by then is not known. */
  #failStep(): void {
    const at = this.#random.below(20);
    this.#failNext = true;
    this.#engine.runner.beforeRow = (row) => {
      if (row === at) throw new Error('the fake library failed');
    };
    this.#step();
    this.#hear();
    this.#engine.runner.beforeRow = undefined;
    this.#failNext = false;
  }

  #probe(): void {
    const tokens = [...new TextEncoder().encode(this.#prompt().prompt)];
    const ask = async (): Promise<void> => {
      const holding: CacheHolding = await this.#engine.core.probe(tokens, '');
      for (const count of Object.values(holding) as number[])
        assert.ok(Number.isInteger(count) && count >= 0 && count <= tokens.length);
    };
    this.#probes.push(ask());
  }

  #hear(): void {
    for (const update of this.#engine.core.takeUpdates()) this.#note(update);
  }

  #note(update: RequestUpdate): void {
    const live = this.#live.get(update.requestId);
    assert.ok(live !== undefined, `${update.kind} of a request that has ended`);
    switch (update.kind) {
      case 'failed':
        this.#live.delete(update.requestId);
        this.#noteFailure(update.error);
        return;
      case 'started':
        assert.ok(!live.started, 'a request began twice');
        live.started = true;
        if (live.request?.cache.use === false) assert.equal(update.cachedTokens, 0);
        this.tally.cachedTokens += update.cachedTokens;
        return;
      case 'choice':
        live.texts[update.choice] = (live.texts[update.choice] ?? '') + update.text;
        if (update.finish !== undefined && --live.choicesLeft === 0) this.#complete(update.requestId, live);
        return;
      case 'score':
        this.#live.delete(update.requestId);
        return;
      case 'accepted':
      case 'embedding':
    }
  }

  #noteFailure({ code }: ErrorData): void {
    if (code === 'request_cancelled') this.tally.cancelled++;
    else if (code === 'model_unloading') this.tally.unloaded++;
    else {
      assert.ok(this.#failNext, `a request failed for no reason: ${code}`);
      this.tally.failed++;
    }
  }

  #complete(id: string, { request, texts }: Live): void {
    this.#live.delete(id);
    assert.ok(request !== undefined);
    assert.deepEqual(texts, this.#answers.to(request), 'the text is another one without caches');
    this.tally.complete++;
    const { prompt } = request;
    if (prompt.kind === 'text') this.#histories.push(`${prompt.text}${texts[0] ?? ''}`);
    if (this.#histories.length > 12) this.#histories.splice(this.#random.below(12), 1);
  }
}

const operationsOfLife = 500;
const lives = 20;
/** What is wrong with the disk; every second life finds what the one before it left. */
const disks = [
  undefined,
  undefined,
  'good',
  'good',
  'slow',
  'slow',
  'failing',
  'failing',
  'hanging',
  'hanging',
];

describe.each([
  ['cells', 'fake:'],
  ['cells and a state', 'fake:?canCut=false'],
  ['a state', 'fake:?canCut=false&memory=state'],
] as const)('an engine whose memory is %s', (memory, modelPath) => {
  test(
    `leaks nothing and says nothing wrong in ${lives * operationsOfLife} random operations`,
    { timeout: 120_000 },
    async () => {
      using folder = new TemporaryFolder();
      const answers = new PlainAnswers(modelPath);
      const total = { ...none };
      let fromRam = 0;
      for (let life = 0; life < lives; life++) {
        const random = new Random(1000 * life + memory.length);
        const disk = disks[life % disks.length];
        const less = `${modelPath}${modelPath.includes('?') ? '&' : '?'}cells=470`;
        const room: CachedEngineOptions = {
          // Every other one has less room than it said.
          modelPath: life % 2 === 0 ? modelPath : less,
          contextSize: 512,
          slots: random.pick([2, 3, 4]),
          residentSlots: random.pick([0, 2, 6]),
          batchSize: random.pick([32, 64, 128]),
          hostBytes: random.pick([600, 4000, 2 ** 18]),
          directory: disk === undefined ? undefined : join(folder.path, `${disk}-${Math.floor(life / 2)}`),
          patience: disk === 'hanging' ? 15 : 5000,
        };
        const one = new Life(room, answers, random);
        try {
          await one.open();
          for (let at = 0; at < operationsOfLife; at++) await one.act();
          if (life % 2 === 0) await one.finish();
          await one.close();
        } catch (error) {
          throw new Error(`life ${life} of ${JSON.stringify(room)}: ${String(error)}`, { cause: error });
        }
        if (disk === undefined) fromRam += one.tally.restoredTokens;
        for (const name of Object.keys(total) as (keyof Tally)[]) total[name] += one.tally[name];
      }
      expect(fromRam).toBeGreaterThan(1000);
      // Each of these was met.
      expect(Object.entries(total).filter(([, count]) => count <= 2)).toEqual([]);
    },
  );
});

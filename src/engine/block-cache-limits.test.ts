import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { RequestUpdate } from '../core/request-update.js';
import { capacityFor } from '../prefix-cache/payload.js';
import { TemporaryFolder } from '../testing/blocks.js';
import { CachedEngine, type CachedEngineOptions } from '../testing/cached-engine.js';
import { idleDiskThread } from '../testing/disk-thread-stand-ins.js';
import { fakeCellsSize } from '../testing/fake-state.js';
import { PlainAnswers } from '../testing/plain-answers.js';
import { makeRequest } from '../testing/requests.js';

const tokens = Array.from({ length: 300 }, (_, index) => 97 + (index % 23));
const prompt = { scope: '', tokens };
const promptTo = (end: number) => ({ scope: '', tokens: tokens.slice(0, end) });
const blockBytes = capacityFor(fakeCellsSize(64));

/** What the clock says, milliseconds: it goes on when a block was put back, and at no other time. */
let clock = 0;

afterEach(() => {
  vi.restoreAllMocks();
});

/** An engine of whose model a prompt of 300 tokens was computed, in lane 0. */
class Bench {
  readonly engine: CachedEngine;

  /** @param length of the prompt that is in the lane at the end */
  constructor(options: CachedEngineOptions, length = tokens.length) {
    this.engine = new CachedEngine({ contextSize: 1024, batchSize: 512, ...options });
    const { cache, runner } = this.engine;
    this.#compute(256);
    if (runner.info.memory !== 'cells') cache.saveSnapshot(0, promptTo(256));
    this.#compute(length);
  }

  get cache(): CachedEngine['cache'] {
    return this.engine.cache;
  }

  get store(): CachedEngine['store'] {
    return this.engine.store;
  }

  restore(lane: number, held: number, milliseconds: number, goingOn = false): [number, boolean] {
    const { runner, cache } = this.engine;
    const cut = (length: number): void => void runner.removeCells(lane, length, -1);
    const now = cache.restore(lane, prompt, held, { cut, milliseconds, goingOn });
    return [now.held, now.brokeOff];
  }

  held(lane: number): readonly number[] {
    return this.engine.runner.tokensIn(lane);
  }

  /** How likely each token is after one more. */
  next(lane: number, start: number): number[] {
    const { runner } = this.engine;
    const spans = [{ sequenceId: lane, slot: lane, start, tokens: [101], output: true }];
    assert.equal(runner.decode({ spans, rows: 1 }), 'ok');
    return Array.from({ length: 258 }, (_, token) => runner.logProbability(0, token));
  }

  #compute(end: number): void {
    const { runner } = this.engine;
    const start = runner.cellCount(0);
    if (start === end) return;
    const spans = [{ sequenceId: 0, slot: 0, start, tokens: tokens.slice(start, end), output: true }];
    assert.equal(runner.decode({ spans, rows: end - start }), 'ok');
  }
}

const always = (): boolean => true;

/** Each block that is put back takes so many milliseconds. */
function slowDown({ runner }: CachedEngine, milliseconds: number): void {
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
  const restoreCells = runner.restoreCells.bind(runner);
  runner.restoreCells = (...given) => {
    clock += milliseconds;
    return restoreCells(...given);
  };
}

describe('what is put back in the time there is', () => {
  test('of cells is broken off between two blocks, and gone on with', () => {
    const bench = new Bench({ modelPath: 'fake:' });
    bench.cache.saveNow(0, prompt, Infinity);
    slowDown(bench.engine, 10);
    expect(bench.restore(1, 0, 15)).toEqual([128, true]);
    expect(bench.held(1)).toEqual(tokens.slice(0, 128));
    expect(bench.restore(1, 128, 5, true)).toEqual([192, true]);
    expect(bench.restore(1, 192, -1, true)).toEqual([192, true]);
    expect(bench.restore(1, 192, 5, true)).toEqual([256, false]);
    expect(bench.held(1)).toEqual(tokens.slice(0, 256));
    expect(bench.cache.counts).toMatchObject({ restoredTokens: 256, faults: 0 });
  });

  test('of cells leaves what was shared as whole blocks, when there is no time at all', () => {
    const bench = new Bench({ modelPath: 'fake:' });
    bench.cache.saveNow(0, prompt, Infinity);
    const { runner } = bench.engine;
    runner.shareCells(0, 1);
    runner.removeCells(1, 100, -1);
    expect(bench.restore(1, 100, -1)).toEqual([64, true]);
    expect(bench.held(1)).toEqual(tokens.slice(0, 64));
    expect(bench.restore(1, 64, Infinity, true)).toEqual([256, false]);
  });

  test('of cells ends well when the rest is gone', async () => {
    const bench = new Bench({ modelPath: 'fake:' });
    bench.cache.saveNow(0, prompt, Infinity);
    slowDown(bench.engine, 10);
    expect(bench.restore(1, 0, 15)).toEqual([128, true]);
    await bench.store.clear();
    expect(bench.restore(1, 128, 15, true)).toEqual([128, false]);
    expect(bench.held(1)).toEqual(tokens.slice(0, 128));
  });

  test('of cells with a state has its state when all is there, and is as if it had been computed', () => {
    const bench = new Bench({ modelPath: 'fake:?canCut=false' });
    slowDown(bench.engine, 10);
    expect(bench.restore(1, 0, 15)).toEqual([128, true]);
    expect(() => bench.next(1, 128)).toThrow('without a state');
    expect(bench.restore(1, 128, 15, true)).toEqual([256, false]);
    expect(bench.restore(2, 0, Infinity)).toEqual([256, false]);
    expect(bench.held(1)).toEqual(tokens.slice(0, 256));
    expect(bench.next(1, 256)).toEqual(bench.next(2, 256));
  });

  test('of cells with a state is given up when the state is gone: nothing is left of it', async () => {
    const bench = new Bench({ modelPath: 'fake:?canCut=false' });
    slowDown(bench.engine, 10);
    expect(bench.restore(1, 0, 15)).toEqual([128, true]);
    await bench.store.clear();
    expect(bench.restore(1, 128, 15, true)).toEqual([0, false]);
    expect(bench.held(1)).toEqual([]);
    expect(bench.restore(1, 0, 15)).toEqual([0, false]);
  });

  test('of cells with a state is given up when the library does not take the rest', () => {
    const bench = new Bench({ modelPath: 'fake:?canCut=false' });
    slowDown(bench.engine, 10);
    expect(bench.restore(1, 0, 15)).toEqual([128, true]);
    bench.engine.runner.unsteadiness = 1;
    bench.engine.runner.random = { chance: () => true } as unknown as typeof bench.engine.runner.random;
    expect(bench.restore(1, 128, 15, true)).toEqual([0, false]);
    expect(bench.held(1)).toEqual([]);
    expect(bench.cache.counts.faults).toBe(1);
  });

  test('of a state is one piece', () => {
    const bench = new Bench({ modelPath: 'fake:?canCut=false&memory=state' });
    expect(bench.restore(1, 0, -1)).toEqual([256, false]);
  });
});

describe.each(['fake:', 'fake:?canCut=false'])(
  'a long prompt that is put back while others generate: %s',
  (modelPath) => {
    test('takes several steps, in each of which the others have a token', async () => {
      const engine = new CachedEngine({ modelPath, slots: 2, residentSlots: 0 });
      const { core } = engine;
      const long = makeRequest({ prompt: 'a line of a long text that is known; '.repeat(11) });
      const first = await engine.answer(long);
      // Its lane is taken, and what it held is in RAM.
      for (const text of ['one', 'two', 'three'])
        await engine.answer(makeRequest({ prompt: `${text} other `.repeat(30) }));

      // A step has 60 ms for what is moved.
      slowDown(engine, 35);
      const other = makeRequest({ prompt: 'short', stop: { maxTokens: 60, ignoreEos: true } });
      core.generate(other, 0);
      core.step();
      core.takeUpdates();
      core.generate(long, 1);
      const steps: (readonly RequestUpdate[])[] = [];
      const started = (): RequestUpdate | undefined =>
        steps.flat().find(({ requestId, kind }) => requestId === long.id && kind === 'started');
      while (started() === undefined) {
        core.step();
        engine.check();
        steps.push(core.takeUpdates());
      }
      expect(steps.length).toBe(3);
      expect(started()).toMatchObject({ cachedTokens: 384 });
      const updatesOfOther = steps.map(
        (updates) => updates.filter(({ requestId }) => requestId === other.id).length,
      );
      expect(updatesOfOther).toEqual([1, 1, 1]);
      while (!core.idle) {
        core.step();
        steps.push(core.takeUpdates());
      }
      const text = steps
        .flat()
        .map((update) => (update.kind === 'choice' && update.requestId === long.id ? update.text : ''))
        .join('');
      expect([text]).toEqual(first.texts);
      expect([text]).toEqual(new PlainAnswers(modelPath).to(long));
    });
  },
);

describe('a cache whose disk takes no more', () => {
  test('saves as much as reaches the disk, and the rest when there is room', async () => {
    using folder = new TemporaryFolder();
    const queueBytes = 3 * blockBytes;
    const directory = join(folder.path, 'good');
    const { cache, store, engine } = new Bench({
      modelPath: 'fake:',
      directory,
      queueBytes,
      threadModule: idleDiskThread,
    });
    cache.enqueue(0, prompt);
    cache.saveSome(Infinity, always);
    expect([cache.counts.savedBlocks, cache.saving, store.takesMore]).toEqual([2, true, false]);
    cache.saveSome(Infinity, always);
    expect(cache.counts.savedBlocks).toBe(2);
    await store.verify();
    cache.saveSome(Infinity, always);
    expect([cache.counts.savedBlocks, cache.saving]).toEqual([4, false]);
    await store.verify();
    expect((await store.stats()).disk).toMatchObject({ queued: 0, dropped: 0 });
    await engine.close();
  });

  test('forgets what it was to save when the lane holds something else', async () => {
    using folder = new TemporaryFolder();
    const options = { directory: join(folder.path, 'good'), queueBytes: 3 * blockBytes };
    const { cache, store, engine } = new Bench({
      modelPath: 'fake:',
      threadModule: idleDiskThread,
      ...options,
    });
    cache.enqueue(0, prompt);
    cache.saveSome(Infinity, always);
    expect(store.takesMore).toBe(false);
    cache.saveSome(Infinity, () => false);
    expect([cache.counts.savedBlocks, cache.saving]).toEqual([2, false]);
    await store.verify();
    await engine.close();
  });

  test('saves what is about to be lost all the same: in RAM, and on the disk at the end', async () => {
    using folder = new TemporaryFolder();
    const options = { modelPath: 'fake:', directory: join(folder.path, 'good'), queueBytes: 2 * blockBytes };
    const { cache, store, engine } = new Bench(options);
    cache.saveNow(0, prompt, Infinity);
    expect(cache.counts.savedBlocks).toBe(4);
    expect((await store.stats()).disk?.dropped).toBe(2);
    await engine.close();
    const next = new CachedEngine({ ...options, contextSize: 1024 });
    expect(await next.cache.probe(prompt)).toEqual({ host: 0, disk: 256 });
    await next.close();
  });
});

describe.each([
  ['cells', 'fake:', 4],
  ['cells and a state', 'fake:?canCut=false', 5],
  ['a state', 'fake:?canCut=false&memory=state', 1],
] as const)('what the disk has of a memory of %s', (memory, modelPath, everything) => {
  const save = ({ cache }: Bench): void => {
    if (memory === 'cells') cache.saveNow(0, promptTo(256), Infinity);
    else cache.saveSnapshot(0, promptTo(256));
  };
  const saved = ({ cache }: Bench): number => cache.counts.savedBlocks + cache.counts.savedSnapshots;

  test('is not copied out again, and is when the disk has lost it and somebody has missed it', async () => {
    using folder = new TemporaryFolder();
    const directory = join(folder.path, 'good');
    // No RAM for blocks: what is held is on disk.
    const bench = new Bench({ modelPath, directory, hostBytes: 0 }, 256);
    const { engine, store, cache } = bench;
    save(bench);
    await store.flush(5000);
    const before = saved(bench);
    expect(before).toBe(everything);
    save(bench);
    expect(saved(bench)).toBe(before);

    rmSync(directory, { recursive: true });
    save(bench);
    expect(saved(bench)).toBe(before);
    (await cache.fetch(prompt, 0))?.();
    save(bench);
    expect(saved(bench) - before).toBe(everything);
    await store.flush(5000);
    expect(await cache.probe(prompt)).toEqual({ host: 0, disk: 256 });
    await engine.close();
  });
});

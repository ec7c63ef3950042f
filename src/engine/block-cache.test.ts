import { describe, expect, test } from 'vitest';
import { join } from 'node:path';
import { PrefixStore } from '../prefix-cache/prefix-store.js';
import { TemporaryFolder, testFingerprint } from '../testing/blocks.js';
import { CachedEngine } from '../testing/cached-engine.js';
import { BlockCache, type CachedTokens } from './block-cache.js';

const tokens = Array.from({ length: 300 }, (_, index) => 97 + (index % 23));
const prompt = { scope: '', tokens };

/** A model with the memory, and a cache that nobody else uses. */
function bench(modelPath: string, hostBytes = 2 ** 20) {
  const engine = new CachedEngine({ modelPath, hostBytes, contextSize: 1024, batchSize: 512 });
  const { runner, cache, store } = engine;
  const compute = (lane: number, upTo: number): void => {
    const start = runner.cellCount(lane);
    const rows = tokens.slice(start, upTo);
    const spans = [{ sequenceId: lane, slot: lane, start, tokens: rows, output: true }];
    expect(runner.decode({ spans, rows: rows.length })).toBe('ok');
  };
  const held = (lane: number): readonly number[] => runner.tokensIn(lane);
  const cut =
    (lane: number) =>
    (length: number): void =>
      void runner.removeCells(lane, length, -1);
  /** In one go. @returns tokens in the lane */
  const restore = (lane: number, wanted: CachedTokens, has = 0, cutting = cut(lane)): number =>
    restoreAll(cache, lane, wanted, has, cutting);
  return { runner, cache, store, compute, held, cut, restore };
}

const always = (): boolean => true;

/** Puts back what there is, however long it takes. @returns tokens in the lane */
function restoreAll(
  cache: BlockCache,
  lane: number,
  wanted: CachedTokens,
  has = 0,
  cut: (length: number) => void = () => {},
): number {
  const now = cache.restore(lane, wanted, has, { cut, milliseconds: Infinity, goingOn: false });
  expect(now.brokeOff).toBe(false);
  return now.held;
}

describe('blocks of a memory of cells', () => {
  test('are saved once, and put back where a prompt begins as they do', () => {
    const { runner, cache, compute, held, restore } = bench('fake:');
    compute(0, 300);
    const content = { scope: '', tokens };
    cache.enqueue(0, content);
    expect(cache.saving).toBe(true);
    cache.saveSome(1000, always);
    cache.saveNow(0, content, Infinity);
    expect(cache.counts).toMatchObject({ savedBlocks: 4, faults: 0 });
    expect(cache.saving).toBe(false);
    expect(restore(1, prompt)).toBe(256);
    expect(held(1)).toEqual(tokens.slice(0, 256));
    runner.removeCells(1, 0, -1);
    expect(restore(1, { scope: 'other', tokens })).toBe(0);
  });

  test('never hold the last token of a prompt: its result is wanted', () => {
    const { cache, compute, restore } = bench('fake:');
    compute(0, 300);
    cache.saveNow(0, { scope: '', tokens }, Infinity);
    expect(restore(1, { scope: '', tokens: tokens.slice(0, 128) })).toBe(64);
    expect(restore(2, { scope: '', tokens: tokens.slice(0, 129) })).toBe(128);
  });

  test('replace the part of a block that a lane shares, when they are there', () => {
    const { cache, compute, held, cut, restore } = bench('fake:');
    compute(0, 300);
    cache.saveNow(0, { scope: '', tokens }, Infinity);
    compute(1, 100);
    const cuts: number[] = [];
    const now = restore(1, prompt, 100, (length) => {
      cuts.push(length);
      cut(1)(length);
    });
    expect([now, cuts]).toEqual([256, [64]]);
    expect(held(1)).toEqual(tokens.slice(0, 256));
    // A lane that holds more than is kept stays as it is.
    compute(2, 280);
    expect(restore(2, prompt, 280, () => expect.unreachable())).toBe(280);
  });

  test('of a lane that holds something else by now are not saved', () => {
    const { cache, compute } = bench('fake:');
    compute(0, 300);
    cache.enqueue(0, { scope: '', tokens });
    cache.saveSome(1000, () => false);
    expect(cache.counts.savedBlocks).toBe(0);
    expect(cache.saving).toBe(false);
  });

  test('that the library does not give, or not take, cost their tokens and nothing else', async () => {
    const { runner, cache, compute, held, store, restore } = bench('fake:');
    compute(0, 300);
    runner.random = { chance: () => true } as unknown as typeof runner.random;
    runner.unsteadiness = 1;
    cache.saveNow(0, { scope: '', tokens }, Infinity);
    expect(cache.counts).toMatchObject({ savedBlocks: 0, faults: 1 });
    runner.random = undefined;
    cache.saveNow(0, { scope: '', tokens }, Infinity);
    let calls = 0;
    runner.random = { chance: () => ++calls === 3 } as unknown as typeof runner.random;
    expect(restore(1, prompt)).toBe(128);
    expect(held(1)).toEqual(tokens.slice(0, 128));
    expect(cache.counts).toMatchObject({ savedBlocks: 4, faults: 2 });
    expect((await store.stats()).payloads.held).toBe(4);
  });

  test('go in as far as there are cells', () => {
    const { cache, compute, held, restore } = bench('fake:?cells=450');
    compute(0, 300);
    cache.saveNow(0, { scope: '', tokens }, Infinity);
    expect(restore(1, prompt)).toBe(128);
    expect(held(1)).toEqual(tokens.slice(0, 128));
  });
});

describe.each([
  ['cells and a state', 'fake:?canCut=false', 4],
  ['a state', 'fake:?canCut=false&memory=state', 0],
] as const)('a snapshot of a memory of %s', (_, modelPath, blocks) => {
  test('is put back as a whole, the longest first, and without a disk', () => {
    const { runner, cache, compute, held, restore } = bench(modelPath);
    for (const position of [64, 192, 256]) {
      compute(0, position);
      cache.saveSnapshot(0, { scope: '', tokens: tokens.slice(0, position) });
    }
    expect(cache.counts).toMatchObject({ savedBlocks: blocks, savedSnapshots: 3, faults: 0 });
    expect(restore(1, prompt)).toBe(256);
    expect(held(1)).toEqual(tokens.slice(0, 256));
    expect(restore(2, { scope: '', tokens: tokens.slice(0, 256) })).toBe(192);
    expect(restore(3, { scope: '', tokens: tokens.slice(0, 64) })).toBe(0);
    // What goes on from it is what would have come without it.
    compute(1, 300);
    compute(0, 300);
    const likely = [0, 1].map((lane) => {
      const spans = [{ sequenceId: 0, slot: lane, start: 300, tokens: [101], output: true }];
      runner.decode({ spans, rows: 1 });
      return Array.from({ length: 258 }, (__, token) => runner.logProbability(0, token));
    });
    expect(likely[1]).toEqual(likely[0]);
  });

  test('is of no use where a lane holds as much', () => {
    const { cache, compute, restore } = bench(modelPath);
    compute(0, 256);
    cache.saveSnapshot(0, { scope: '', tokens: tokens.slice(0, 256) });
    compute(1, 280);
    expect(restore(1, prompt, 280, () => expect.unreachable())).toBe(280);
  });

  test('that the library does not take leaves an empty lane', () => {
    const { runner, cache, compute, restore } = bench(modelPath);
    compute(0, 256);
    cache.saveSnapshot(0, { scope: '', tokens: tokens.slice(0, 256) });
    let calls = 0;
    runner.random = { chance: () => ++calls === blocks + 1 } as unknown as typeof runner.random;
    expect(restore(1, prompt)).toBe(0);
    expect(runner.cellCount(1)).toBe(0);
    expect(cache.counts.faults).toBe(1);
  });
});

describe('what is fetched from the disk', () => {
  test.each(['fake:', 'fake:?canCut=false', 'fake:?canCut=false&memory=state'])(
    'is held until it is let go of by all who wanted it: %s',
    async (modelPath) => {
      using folder = new TemporaryFolder();
      const room = { modelPath, directory: join(folder.path, 'good'), contextSize: 1024, batchSize: 512 };
      const first = new CachedEngine(room);
      const spans = [{ sequenceId: 0, slot: 0, start: 0, tokens: tokens.slice(0, 256), output: true }];
      first.runner.decode({ spans, rows: 256 });
      const content = { scope: '', tokens: tokens.slice(0, 256) };
      if (modelPath === 'fake:') first.cache.saveNow(0, content, Infinity);
      else first.cache.saveSnapshot(0, content);
      await first.close();

      // No RAM for blocks: only those who asked hold them.
      const { cache, store, runner, ...second } = bareEngine(room);
      expect(restoreAll(cache, 1, prompt)).toBe(0);
      const [one, two] = [cache.fetch(prompt, 0), cache.fetch(prompt, 0)];
      const letGo = [await one, await two];
      letGo[0]?.();
      letGo[0]?.(); // again is nothing
      expect(restoreAll(cache, 1, prompt)).toBe(256);
      expect(runner.tokensIn(1)).toEqual(tokens.slice(0, 256));
      letGo[1]?.();
      expect((await store.stats()).payloads.held).toBe(0);
      expect(restoreAll(cache, 2, prompt)).toBe(0);
      await second.close();
    },
  );

  test('is nothing where RAM or the KV cache has as much, or there is no disk', async () => {
    using folder = new TemporaryFolder();
    const engine = new CachedEngine({ modelPath: 'fake:', directory: join(folder.path, 'good') });
    expect(engine.cache.fetch({ scope: '', tokens: tokens.slice(0, 64) }, 0)).toBeUndefined();
    expect(engine.cache.fetch(prompt, 256)).toBeUndefined();
    const others = engine.cache.fetch(prompt, 255);
    expect(others).toBeDefined();
    (await others)?.();
    await engine.close();
    expect(bench('fake:').cache.fetch(prompt, 0)).toBeUndefined();
  });
});

/** An engine without RAM for blocks. */
function bareEngine(room: ConstructorParameters<typeof CachedEngine>[0]) {
  const engine = new CachedEngine({ ...room, hostBytes: 0 });
  const { cache, store, runner } = engine;
  return { cache, store, runner, close: async () => engine.close() };
}

test('a cache without room keeps nothing and fails nothing', async () => {
  const { runner } = bench('fake:');
  const store = new PrefixStore({
    fingerprint: testFingerprint,
    hostBytes: 100,
    spareBytes: 0,
    disk: undefined,
  });
  const cache = new BlockCache(runner, store, testFingerprint);
  const spans = [{ sequenceId: 0, slot: 0, start: 0, tokens, output: true }];
  runner.decode({ spans, rows: 300 });
  cache.saveNow(0, { scope: '', tokens }, Infinity);
  expect(restoreAll(cache, 1, prompt)).toBe(0);
  expect((await store.stats()).payloads.held).toBe(0);
  expect(await cache.probe(prompt)).toEqual({ host: 0, disk: 0 });
});

import assert from 'node:assert/strict';
import { rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, afterEach, describe, expect, test } from 'vitest';
import { BlockChain, type BlockKey } from '../prefix-cache/block-id.js';
import { nodeFs } from '../prefix-cache/disk-fs.js';
import { DiskFolder } from '../prefix-cache/disk-folder.js';
import { TemporaryFolder, testFingerprint } from '../testing/blocks.js';
import { CachedEngine } from '../testing/cached-engine.js';

const tokens = Array.from({ length: 400 }, (_, index) => 97 + (index % 23));
const prompt = { scope: '', tokens };
const promptTo = (end: number) => ({ scope: '', tokens: tokens.slice(0, end) });

/** The keys of the prompt's first tokens: of their last block, and of the state behind it. */
function keysAt(end: number): { block: BlockKey; snapshot: BlockKey } {
  const chain = new BlockChain(testFingerprint);
  chain.append(tokens.slice(0, end));
  const block = chain.keys.at(-1);
  assert.ok(block !== undefined);
  return { block, snapshot: chain.snapshotKey() };
}

/** A prompt of six blocks was computed: there are states behind the second and the fourth. */
async function computed(modelPath: string, directory?: string): Promise<CachedEngine> {
  const engine = new CachedEngine({ modelPath, contextSize: 1024, batchSize: 512, directory });
  const { cache, runner } = engine;
  for (const end of [128, 256, 384]) {
    const start = runner.cellCount(0);
    const spans = [{ sequenceId: 0, slot: 0, start, tokens: tokens.slice(start, end), output: true }];
    assert.equal(runner.decode({ spans, rows: end - start }), 'ok');
    if (end < 384) cache.saveSnapshot(0, promptTo(end));
    else cache.saveProgress(0, promptTo(end));
  }
  await engine.store.flush(5000);
  return engine;
}

const modelPaths = ['fake:?canCut=false', 'fake:?canCut=false&memory=state'] as const;

test.each(modelPaths)(
  'a prompt is held as far as its last state is, not its last block: %s',
  async (path) => {
    using folder = new TemporaryFolder();
    const engine = await computed(path, join(folder.path, 'good'));
    const { cache } = engine;
    expect(await cache.probe(prompt)).toEqual({ host: 256, disk: 256 });
    expect(await cache.probe(promptTo(255))).toEqual({ host: 128, disk: 128 });
    expect(await cache.probe(promptTo(127))).toEqual({ host: 0, disk: 0 });
    await engine.close();
  },
);

describe('of a memory of cells and a state, the disk', () => {
  let folder: TemporaryFolder;
  let engine: CachedEngine;

  beforeEach(async () => {
    folder = new TemporaryFolder();
    await (await computed(modelPaths[0], join(folder.path, 'good'))).close();
    const directory = join(folder.path, 'good');
    // No RAM for blocks: all that is read is counted.
    engine = new CachedEngine({
      modelPath: modelPaths[0],
      contextSize: 1024,
      batchSize: 512,
      hostBytes: 0,
      directory,
    });
  });

  afterEach(async () => {
    await engine.close();
    folder[Symbol.dispose]();
  });

  const pathOf = ({ id }: BlockKey): string =>
    new DiskFolder(join(folder.path, 'good'), nodeFs).blockPath(testFingerprint, id);

  /** @returns blocks and states that were read for the prompt, and tokens in the lane then */
  async function fetchAndRestore(held = 0): Promise<{ read: number; restored: number }> {
    const { cache, runner, store } = engine;
    const letGo = await cache.fetch(prompt, held);
    const cut = (length: number): void => void runner.removeCells(1, length, -1);
    const how = { cut, milliseconds: Infinity, goingOn: false };
    const restored = cache.restore(1, prompt, 0, how).held;
    letGo?.();
    const { diskHits, payloads } = await store.stats();
    expect(payloads.held).toBe(0);
    return { read: diskHits, restored };
  }

  test('gives the blocks up to the last state, and that one', async () => {
    expect(await fetchAndRestore()).toEqual({ read: 4 + 1, restored: 256 });
  });

  test('gives nothing where a lane holds as much, and all of it where a lane holds less', async () => {
    expect((await fetchAndRestore(256)).read).toBe(0);
    expect(await fetchAndRestore(255)).toEqual({ read: 4 + 1, restored: 256 });
  });

  test('gives what is there up to the state before a block that is missing', async () => {
    rmSync(pathOf(keysAt(192).block));
    expect(await engine.cache.probe(prompt)).toEqual({ host: 0, disk: 128 });
    expect(await fetchAndRestore()).toEqual({ read: 2 + 1, restored: 128 });
  });

  test('gives the state before one that is missing, and nothing where it was the first', async () => {
    rmSync(pathOf(keysAt(256).snapshot));
    expect(await engine.cache.probe(prompt)).toEqual({ host: 0, disk: 128 });
    expect(await fetchAndRestore()).toEqual({ read: 2 + 1, restored: 128 });
    rmSync(pathOf(keysAt(128).snapshot));
    expect(await engine.cache.probe(prompt)).toEqual({ host: 0, disk: 0 });
    expect(await fetchAndRestore()).toEqual({ read: 2 + 1, restored: 0 });
  });

  test.each([
    ['a state', 256, 'snapshot', 4],
    ['a block', 192, 'block', 2],
  ] as const)('gives the state before %s that is spoiled', async (_, end, kind, blocks) => {
    const path = pathOf(keysAt(end)[kind]);
    truncateSync(path, statSync(path).size - 1);
    expect(await fetchAndRestore()).toEqual({ read: blocks + 1, restored: 128 });
    expect((await engine.store.stats()).disk?.tier?.faults).toEqual({ truncated: 1 });
    // What was spoiled is to be saved again.
    expect(engine.store.keeps(keysAt(end)[kind].id)).toBe(false);
  });
});

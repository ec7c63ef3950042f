import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { LoadOptions, ModelInfo } from '../core/model-runner.js';
import { TemporaryFolder } from '../testing/blocks.js';
import { FakeRunner } from '../testing/fake-runner.js';
import type { BlockCache } from './block-cache.js';
import { openBlockCache } from './open-block-cache.js';

const tokens = Array.from({ length: 200 }, (_, index) => 97 + (index % 23));
const prompt = { scope: '', tokens };

const loadOptions = (modelPath: string, more: Partial<LoadOptions> = {}): LoadOptions => ({
  modelPath,
  contextSize: 512,
  slots: 1,
  batchSize: 256,
  threads: 1,
  ...more,
});

/** A cache of a model file on a disk, and its model, of which some facts may be others. */
function open(modelPath: string, directory: string, facts: Partial<ModelInfo> = {}): BlockCache {
  const disk = { directory, bytes: 2 ** 26, queueBytes: 2 ** 20, freeFloor: 0 };
  const options = loadOptions(modelPath, { promptCache: { hostBytes: 2 ** 20, disk } });
  const runner = new FakeRunner(options, new Uint8Array(new SharedArrayBuffer(2)));
  runner.decode({ spans: [{ sequenceId: 0, slot: 0, start: 0, tokens, output: true }], rows: tokens.length });
  Object.defineProperty(runner, 'info', { value: { ...runner.info, ...facts } });
  const cache = openBlockCache(options, runner);
  if (cache === undefined) throw new Error('there is no cache');
  return cache;
}

/** How many tokens of the prompt a cache finds on the disk. */
async function found(modelPath: string, directory: string, facts: Partial<ModelInfo> = {}): Promise<number> {
  const cache = open(modelPath, directory, facts);
  const { disk } = await cache.probe(prompt);
  await cache.store.close(5000);
  return disk;
}

describe('the blocks of a model', () => {
  test('are those of every copy of its file, and of no other model, library or kind of state', async () => {
    using folder = new TemporaryFolder();
    const [path, copy, other, directory] = ['a', 'b', 'c', 'cache'].map((name) =>
      join(folder.path, name),
    ) as [string, string, string, string];
    writeFileSync(path, `fake:\n${'weights '.repeat(1000)}`);
    copyFileSync(path, copy);
    writeFileSync(other, `fake:\n${'weightz '.repeat(1000)}`);
    const first = open(path, directory);
    first.saveNow(0, prompt, Infinity);
    await first.store.close(5000);
    expect(await found(path, directory)).toBe(192);
    expect(await found(copy, directory)).toBe(192);
    expect(await found(other, directory)).toBe(0);
    expect(await found(path, directory, { stateFormat: 'of the next version' })).toBe(0);
    expect(await found(path, directory, { architecture: 'another' })).toBe(0);
    expect(await found(path, directory)).toBe(192);
  });
});

describe('there is no cache', () => {
  const runner = new FakeRunner(loadOptions('fake:'), new Uint8Array(new SharedArrayBuffer(2)));

  test('where none is asked for, or there is no room for any, or the model keeps nothing', () => {
    const encoder = new FakeRunner(
      loadOptions('fake:?causal=false'),
      new Uint8Array(new SharedArrayBuffer(2)),
    );
    const promptCache = { hostBytes: 2 ** 20 };
    expect(openBlockCache(loadOptions('fake:'), runner)).toBeUndefined();
    expect(openBlockCache(loadOptions('fake:', { promptCache: { hostBytes: 0 } }), runner)).toBeUndefined();
    expect(openBlockCache(loadOptions('fake:', { promptCache }), encoder)).toBeUndefined();
  });

  test('of a file that is not there any more: the load fails, and says which', () => {
    using folder = new TemporaryFolder();
    const path = join(folder.path, 'model');
    writeFileSync(path, 'fake:\n');
    const options = loadOptions(path, { promptCache: { hostBytes: 2 ** 20 } });
    rmSync(path);
    expect(() => openBlockCache(options, runner)).toThrow(
      expect.objectContaining({
        code: 'model_load_failed',
        message: expect.stringContaining(path) as string,
      }),
    );
  });
});

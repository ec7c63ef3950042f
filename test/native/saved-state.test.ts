import { expect, test } from 'vitest';
import type { ModelMemory } from '../../src/core/model-runner.js';
import { openRunner } from '../../src/native/llama-runner.js';
import { fixtureNames, writeFixture, type FixtureName } from '../../src/testing/gguf/fixtures.js';
import type { OpenedRunner, RunnerRoom } from '../../src/testing/runner-conformance.js';
import { describeSavedStateConformance } from '../../src/testing/saved-state-conformance.js';
import { fixtureFolder, starterModel } from './fixture-folder.js';

const libraryLock = new Int32Array(new SharedArrayBuffer(4));

function opener(modelPath: () => string, threads = 1): (room: RunnerRoom) => Promise<OpenedRunner> {
  return async (room) => {
    const abortFlag = new Uint8Array(new SharedArrayBuffer(2));
    const runner = await openRunner(
      { ...room, modelPath: modelPath(), threads },
      { abortFlag, libraryLock, onProgress: () => true },
    );
    return { runner, abortFlag };
  };
}

describeSavedStateConformance(
  'llama.cpp with the starter model',
  opener(() => starterModel),
  'cells',
);

const memories: Readonly<Record<FixtureName, ModelMemory>> = {
  llama: 'cells',
  qwen3: 'cells',
  qwen3moe: 'cells',
  mamba2: 'state',
  'falcon-h1': 'cells-and-state',
  gemma3: 'cells-and-state',
};

for (const name of fixtureNames) {
  describeSavedStateConformance(
    `llama.cpp with a ${name} model`,
    opener(() => writeFixture(name, fixtureFolder)),
    memories[name],
  );
}

/*
 * From 512 cells on, the cells are shared out to the threads by where they lie, and their sums are put together in this
 * order. So with several threads a sequence that is restored somewhere else goes on as one that was computed there would,
 * equal but for rounding; where it was, it goes on exactly.
 */
test('with several threads, a long sequence that is restored where it was goes on exactly', async () => {
  const { runner } = await opener(
    () => writeFixture('llama', fixtureFolder),
    2,
  )({
    contextSize: 1024,
    slots: 2,
    batchSize: 256,
  });
  try {
    const tokens = Array.from({ length: 640 }, (_, index) => (index * 7919) % 250);
    const add = (rows: readonly number[]): void => {
      const spans = [{ sequenceId: 0, slot: 0, start: runner.cellCount(0), tokens: rows, output: true }];
      expect(runner.decode({ spans, rows: rows.length })).toBe('ok');
    };
    const next = (): number[] => {
      add([77]);
      return Array.from({ length: runner.info.vocabularySize }, (_, id) => runner.logProbability(0, id));
    };
    for (let from = 0; from < tokens.length; from += 128) add(tokens.slice(from, from + 128));
    const blocks = Array.from({ length: 10 }, (_, index) =>
      runner.saveCells(0, index * 64, index * 64 + 64, (bytes) => new Uint8Array(bytes)),
    );
    const expected = next();
    runner.removeCells(0, 0, -1);
    for (const [index, bytes] of blocks.entries()) runner.restoreCells(0, index * 64, bytes);
    expect(next()).toEqual(expected);
  } finally {
    runner.dispose();
  }
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Token } from '../../src/core/generation.js';
import type { ModelRunner } from '../../src/core/model-runner.js';
import { openRunner } from '../../src/native/llama-runner.js';
import { writeFixture } from '../../src/testing/gguf/fixtures.js';
import { fixtureFolder } from './fixture-folder.js';

let runner: ModelRunner;

beforeAll(async () => {
  const modelPath = writeFixture('gemma3', fixtureFolder);
  const room = { contextSize: 2048, slots: 3, batchSize: 256, threads: 1 };
  const [abortFlag, libraryLock] = [new SharedArrayBuffer(2), new SharedArrayBuffer(4)];
  runner = await openRunner(
    { ...room, modelPath },
    {
      abortFlag: new Uint8Array(abortFlag),
      libraryLock: new Int32Array(libraryLock),
      onProgress: () => true,
    },
  );
});
afterAll(() => runner.dispose());

const tokensOf = (seed: number, count: number): Token[] =>
  Array.from({ length: count }, (_, index) => ((index * 7919 + seed * 104_729) >>> 3) % 250);

function fill(slot: number, tokens: readonly Token[]): void {
  for (let from = 0; from < tokens.length; from += 64) {
    const rows = tokens.slice(from, from + 64);
    const spans = [{ sequenceId: slot, slot, start: runner.cellCount(slot), tokens: rows, output: true }];
    expect(runner.decode({ spans, rows: rows.length })).toBe('ok');
  }
}

function next(slot: number): number[] {
  fill(slot, [77]);
  return Array.from({ length: runner.info.vocabularySize }, (_, id) => runner.logProbability(0, id));
}

function emptyAll(): void {
  for (let slot = 0; slot < runner.info.slots; slot++) runner.removeCells(slot, 0, -1);
}

/*
 * The library lets a sequence take the place of cells that another one's window has passed. It removes the end of that
 * other one all the same, and what is computed then is wrong: with a cut at 20, probabilities are e^15 times off.
 */
test('a sequence is cut where its window is whole, and nowhere else', () => {
  expect(runner.info).toMatchObject({ canCut: false, memory: 'cells-and-state' });
  const cuts = [20, 64, 70, 100, 300, 500, 880, 899];
  const isCut = cuts.map((cut) => {
    emptyAll();
    fill(0, tokensOf(0, cut));
    const fresh = next(0);
    emptyAll();
    fill(2, tokensOf(2, 300));
    fill(0, tokensOf(0, 900));
    fill(1, tokensOf(1, 800));
    runner.removeCells(2, 0, -1);
    fill(1, tokensOf(3, 340)); // where slot 2 was, and on, over the beginning of slot 0
    const isCutHere = runner.removeCells(0, cut, -1);
    expect(runner.cellCount(0)).toBe(isCutHere ? cut : 900);
    if (!isCutHere) {
      emptyAll();
      fill(0, tokensOf(0, cut));
    }
    const apart = next(0).map((value, index) => Math.abs(value - (fresh[index] ?? NaN)));
    expect(Math.max(...apart)).toBeLessThan(0.001);
    return isCutHere;
  });
  expect(isCut).toEqual([false, false, false, false, true, true, true, true]);
});

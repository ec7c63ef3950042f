import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { anonymousBytes, type MemoryNeed } from '../../src/core/memory.js';
import type { LoadOptions } from '../../src/core/model-runner.js';
import { openLlamaLibrary } from '../../src/native/llama-library.js';
import { contextParams } from '../../src/native/context-params.js';
import { loadModel } from '../../src/native/load-model.js';
import { estimateContext } from '../../src/native/memory-estimate.js';
import { predictMemory } from '../../src/native/memory-prediction.js';
import { readMemory } from '../../src/native/memory-reading.js';
import {
  writeNotGguf,
  writeTruncatedFixture,
  writeTruncatedHeader,
  writeUnknownArchitecture,
} from '../../src/testing/gguf/broken-files.js';
import {
  fixtureNames,
  writeBenchmarkModel,
  writeFixture,
  writeSplitFixture,
} from '../../src/testing/gguf/fixtures.js';
import { writeEncoderFixture, writePooledFixture } from '../../src/testing/gguf/embedding-fixtures.js';
import {
  writeCausalRerankerFixture,
  writeEncoderRerankerFixture,
} from '../../src/testing/gguf/reranker-fixtures.js';
import { measureLoad } from '../../src/testing/memory-measurement.js';
import { fixtureFolder, starterModel } from './fixture-folder.js';

const MiB = 2 ** 20;
const library = openLlamaLibrary(new Int32Array(new SharedArrayBuffer(4)));

function optionsFor(modelPath: string, changes: Partial<LoadOptions> = {}): LoadOptions {
  return { modelPath, contextSize: 8192, slots: 4, batchSize: 512, threads: 2, ...changes };
}

/**
 * The issue asks for 5 % or 16 MB; what a tiny model takes is less than that, so here it is 5 % or 4 MiB, which is what
 * two measurements of a JavaScript process differ by.
 */
async function expectPredicted(options: LoadOptions): Promise<MemoryNeed> {
  const need = await predictMemory(library, options);
  const { residentBytes, anonymousBytes: anonymous } = await measureLoad({ options });
  const tolerance = Math.max(0.05 * residentBytes, 4 * MiB);
  expect(need.basis).toBe('dry-run');
  expect(Math.abs(need.totalBytes - residentBytes)).toBeLessThan(tolerance);
  expect(Math.abs(anonymousBytes(need) - anonymous)).toBeLessThan(tolerance);
  return need;
}

// The reading that a prediction is held against exists on Linux.
describe.runIf(process.platform === 'linux')('the prediction agrees with what a process measures', () => {
  it.each(fixtureNames)('for the %s fixture, its context full', async (name) => {
    const need = await expectPredicted(optionsFor(writeFixture(name, fixtureFolder)));
    expect(need.cacheBytes).toBeGreaterThan(0);
  });

  it.each(['llama', 'gemma3'] as const)('for the %s fixture with sequences that stay', async (name) => {
    const need = await expectPredicted(optionsFor(writeFixture(name, fixtureFolder), { residentSlots: 60 }));
    expect(need.cacheBytes).toBeGreaterThan(0);
  });

  it('for an encoder, which has no cache', async () => {
    const need = await expectPredicted(optionsFor(writeEncoderFixture(fixtureFolder, 'mean')));
    expect(need.cacheBytes).toBe(0);
  });

  it('for rerankers, whose context has a head', async () => {
    for (const write of [writeEncoderRerankerFixture, writeCausalRerankerFixture])
      expect((await expectPredicted(optionsFor(write(fixtureFolder)))).totalBytes).toBeGreaterThan(MiB);
  });

  it('for the starter model', async () => {
    const need = await expectPredicted(optionsFor(starterModel, { slots: 8 }));
    expect(need.cacheBytes).toBe(24 * MiB);
  });

  it('for a model of 67 MB whose weights are most of it', async () => {
    const modelPath = writeBenchmarkModel(fixtureFolder, {
      layers: 4,
      vocabularySize: 512,
      contextLength: 8192,
    });
    const need = await expectPredicted(optionsFor(modelPath, { contextSize: 512 }));
    expect(need.mappedWeightBytes + need.copiedWeightBytes).toBeGreaterThan(60 * MiB);
  });
});

test('the context that is predicted is the one that is asked for, and the default one', async () => {
  const modelPath = writeFixture('llama', fixtureFolder);
  const cells = async (contextSize: number): Promise<number> =>
    (await predictMemory(library, optionsFor(modelPath, { contextSize }))).cacheBytes;
  expect(await cells(4096)).toBe(2 * (await cells(2048)));
  expect(await cells(0)).toBe(await cells(4096)); // what the fixture says it was trained with
});

test('the states of a recurrent model are predicted for every slot, also for more than the dry run makes', async () => {
  const modelPath = writeFixture('mamba2', fixtureFolder);
  const at = async (slots: number): Promise<MemoryNeed> =>
    predictMemory(library, optionsFor(modelPath, { slots }));
  const [one, many] = [await at(1), await at(256)];
  expect(many.cacheBytes).toBe(256 * one.cacheBytes);
  expect(many.computeBytes).toBeGreaterThan(one.computeBytes);
});

test('a split model is predicted as the whole one', async () => {
  const whole = await predictMemory(library, optionsFor(writeFixture('llama', fixtureFolder)));
  const split = await predictMemory(library, optionsFor(writeSplitFixture(fixtureFolder, 3)));
  expect({ ...split, mappedWeightBytes: 0, totalBytes: 0 }).toEqual({
    ...whole,
    mappedWeightBytes: 0,
    totalBytes: 0,
  });
  expect(Math.abs(split.mappedWeightBytes - whole.mappedWeightBytes)).toBeLessThan(6 * 4096);
});

test('a file that can not be loaded is refused as its load would be', async () => {
  const refusal = async (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'loaded',
      (error: { code: string }) => error.code,
    );
  const writers = [writeNotGguf, writeTruncatedFixture, writeTruncatedHeader, writeUnknownArchitecture];
  const files = writers.map((write) => write(join(fixtureFolder, 'broken')));
  for (const modelPath of [...files, '/no/such/file.gguf']) {
    const loaded = await refusal(loadModel(library, modelPath, () => true));
    expect(loaded).toMatch(/^model_/);
    expect(await refusal(predictMemory(library, optionsFor(modelPath)))).toBe(loaded);
  }
});

test('200 predictions leave no memory behind, and all agree', async () => {
  const paths = fixtureNames.map((name) => writeFixture(name, fixtureFolder));
  const round = async (): Promise<MemoryNeed[]> =>
    Promise.all(paths.map(async (modelPath) => predictMemory(library, optionsFor(modelPath))));
  const first = await round();
  for (let warmUp = 0; warmUp < 10; warmUp++) await round();
  const before = readMemory().anonymousBytes ?? 0;
  for (let count = 0; count < 200; count += paths.length) expect(await round()).toEqual(first);
  // One context that was not freed would leave half a megabyte each time.
  expect((readMemory().anonymousBytes ?? 0) - before).toBeLessThan(16 * MiB);
});

test('the estimate has the exact cache of a plain transformer, and no smaller compute buffers', async () => {
  const { bindings } = library;
  for (const modelPath of [writeFixture('llama', fixtureFolder), starterModel]) {
    const options = optionsFor(modelPath);
    const need = await predictMemory(library, options);
    const model = await loadModel(library, modelPath, () => true);
    const architecture = new Uint8Array(64);
    const length = bindings.llama_model_meta_val_str(
      model.address,
      'general.architecture',
      architecture,
      architecture.length,
    );
    const estimate = estimateContext(
      bindings,
      model.address,
      new TextDecoder().decode(architecture.subarray(0, length)),
      contextParams(bindings, model.address, options),
    );
    model.dispose();
    expect(estimate.cacheBytes).toBe(need.cacheBytes);
    expect(estimate.computeBytes).toBeGreaterThanOrEqual(need.computeBytes);
    expect(estimate.computeBytes).toBeLessThan(3 * need.computeBytes);
  }
});

test('a model that generates no text needs no memory for prompts', async () => {
  const room = { contextSize: 512, slots: 2, batchSize: 64, threads: 1 };
  const need = async (modelPath: string): Promise<MemoryNeed> =>
    predictMemory(library, { modelPath, ...room });
  expect((await need(writeCausalRerankerFixture(fixtureFolder))).keepsNoPrompts).toBe(true);
  expect((await need(writePooledFixture('qwen3', fixtureFolder, 'last'))).keepsNoPrompts).toBe(true);
  expect((await need(writeFixture('qwen3', fixtureFolder))).keepsNoPrompts).toBeUndefined();
});

import { describe, expect, test } from 'vitest';
import { openRunner } from '../../src/native/llama-runner.js';
import { writeEncoderFixture } from '../../src/testing/gguf/embedding-fixtures.js';
import { fixtureNames, writeFixture } from '../../src/testing/gguf/fixtures.js';
import {
  writeCausalRerankerFixture,
  writeEncoderRerankerFixture,
} from '../../src/testing/gguf/reranker-fixtures.js';
import { describeRerankerConformance } from '../../src/testing/reranker-conformance.js';
import {
  describeRunnerConformance,
  type OpenedRunner,
  type RunnerRoom,
} from '../../src/testing/runner-conformance.js';
import { fixtureFolder, starterModel } from './fixture-folder.js';

const libraryLock = new Int32Array(new SharedArrayBuffer(4));

function opener(modelPath: () => string): (room: RunnerRoom) => Promise<OpenedRunner> {
  return async (room) => {
    const abortFlag = new Uint8Array(new SharedArrayBuffer(2));
    const runner = await openRunner(
      { ...room, modelPath: modelPath(), threads: 1 },
      { abortFlag, libraryLock, onProgress: () => true },
    );
    return { runner, abortFlag };
  };
}

describeRunnerConformance(
  'llama.cpp with the starter model',
  opener(() => starterModel),
  { tolerance: 0.3 },
);

for (const name of fixtureNames) {
  describeRunnerConformance(
    `llama.cpp with a ${name} model`,
    opener(() => writeFixture(name, fixtureFolder)),
    { withoutCells: name === 'mamba2' },
  );
}

// See reranking.test.ts for the tolerance.
describeRerankerConformance(
  'llama.cpp with a causal reranker',
  opener(() => writeCausalRerankerFixture(fixtureFolder)),
  { causal: true, tolerance: 0.0005 },
);
describeRerankerConformance(
  'llama.cpp with an encoder that reranks',
  opener(() => writeEncoderRerankerFixture(fixtureFolder)),
  { causal: false, tolerance: 0.0005 },
);

describe('llama.cpp with an encoder', () => {
  const open = opener(() => writeEncoderFixture(fixtureFolder, 'first'));
  const spanOf = (start: number, length: number) => {
    const tokens = Array.from({ length }, (_, index) => 300 + (index % 200));
    return { spans: [{ sequenceId: 1, slot: 0, start, tokens, output: true }], rows: length };
  };

  test('has embeddings of every row and nothing else, and refuses what would abort the process', async () => {
    const { runner, abortFlag } = await open({
      contextSize: 2048,
      slots: 2,
      residentSlots: 8,
      batchSize: 2048,
    });
    try {
      expect(runner.info).toMatchObject({
        causal: false,
        memory: 'none',
        lanes: 2,
        batchSize: 512,
        outputRows: 512,
        embedding: { size: 128, pooling: 'first' },
      });
      expect(runner.decode(spanOf(0, 512))).toBe('ok');
      const first = runner.rowEmbedding(0);
      expect(first).toHaveLength(128);
      expect(runner.rowEmbedding(511)).not.toEqual(first);
      expect(() => runner.logProbability(511, 0)).toThrow('has no logits');
      expect(runner.cellCount(0)).toBe(0);
      expect(() => runner.cellsSize(1)).toThrow('keeps nothing');
      expect(() => runner.snapshotSize(0)).toThrow('keeps nothing');
      expect(() => runner.decode(spanOf(0, 513))).toThrow('can not be decoded');
      expect(() => runner.decode(spanOf(512, 1))).toThrow('no position 512');
      Atomics.store(abortFlag, 0, 1);
      expect(runner.decode(spanOf(0, 512))).toBe('aborted');
      Atomics.store(abortFlag, 0, 0);
      expect(runner.removeCells(0, 0, -1)).toBe(true);
      expect(runner.decode(spanOf(0, 512))).toBe('ok');
      expect(runner.rowEmbedding(0)).toEqual(first);
    } finally {
      runner.dispose();
    }
  });
});

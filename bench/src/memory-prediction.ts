/*
 * The memory that loading a model is predicted to take, against what a fresh process measures: resident bytes with the
 * model loaded and its context filled, less those before. Node itself and its heaps are not counted on either side.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MemoryNeed } from '../../dist/core/memory.js';
import type { LoadOptions } from '../../dist/core/model-runner.js';
import { openLlamaLibrary } from '../../dist/native/llama-library.js';
import { predictMemory } from '../../dist/native/memory-prediction.js';
import { fixtureNames, writeBenchmarkModel, writeFixture } from '../../dist/testing/gguf/fixtures.js';
import { measureLoad } from '../../dist/testing/memory-measurement.js';
import { quantizeToQ4 } from './quantize.js';
import { median } from './statistics.js';

const folder = join(tmpdir(), 'heddle-bench');
mkdirSync(folder, { recursive: true });
const starter = fileURLToPath(new URL('../../models/starter/starter.gguf', import.meta.url));
const library = openLlamaLibrary(new Int32Array(new SharedArrayBuffer(4)));
const small = writeBenchmarkModel(folder, { layers: 4, vocabularySize: 512, contextLength: 8192 });
const middle = writeBenchmarkModel(folder, { layers: 16 });
const large = writeBenchmarkModel(folder);

/** Model, cells, slots. */
const loads: [string, number, number][] = [
  ...fixtureNames.map((name): [string, number, number] => [writeFixture(name, folder), 16_384, 4]),
  [writeFixture('mamba2', folder), 4096, 64],
  [writeFixture('falcon-h1', folder), 4096, 64],
  [starter, 8192, 8],
  [small, 4096, 4],
  [quantizeToQ4(library, small, join(folder, 'q4_0.gguf')), 4096, 4],
  [middle, 2048, 4],
  [large, 2048, 4],
];

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

/** The middle of five predictions, and how long it took, milliseconds. */
async function predict(options: LoadOptions): Promise<{ need: MemoryNeed; duration: number }> {
  let need = await predictMemory(library, options);
  const durations: number[] = [];
  for (let round = 0; round < 5; round++) {
    const started = performance.now();
    need = await predictMemory(library, options);
    durations.push(performance.now() - started);
  }
  return { need, duration: median(durations) };
}

console.log(
  '| model | cells | slots | mapped | copied | cache | compute | tables | predicted, MiB | measured, MiB | error, % | prediction, ms |',
);
console.log('|---|---|---|---|---|---|---|---|---|---|---|---|');
for (const [modelPath, contextSize, slots] of loads) {
  const options = { modelPath, contextSize, slots, batchSize: 512, threads: availableParallelism() };
  const { need, duration } = await predict(options);
  const { residentBytes } = await measureLoad({ options });
  const parts = [
    need.mappedWeightBytes,
    need.copiedWeightBytes,
    need.cacheBytes,
    need.computeBytes,
    need.tableBytes,
    need.totalBytes,
    residentBytes,
  ].map(mebibytes);
  const error = ((need.totalBytes / residentBytes - 1) * 100).toFixed(1);
  const cells = [basename(modelPath, '.gguf'), contextSize, slots, ...parts, error, duration.toFixed(1)];
  console.log(`| ${cells.join(' | ')} |`);
}

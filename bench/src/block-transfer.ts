/*
 * What it costs to take cells out of a context and to put them back, in blocks of 64 tokens, against computing them: on a
 * model of Qwen3-0.6B's shape, in one process, in turn. And what sequences that only stay cost in memory.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelRunner } from '../../dist/core/model-runner.js';
import { openRunner } from '../../dist/native/llama-runner.js';
import { openLlamaLibrary } from '../../dist/native/llama-library.js';
import { predictMemory } from '../../dist/native/memory-prediction.js';
import { writeBenchmarkModel } from '../../dist/testing/gguf/fixtures.js';
import { measureLoad } from '../../dist/testing/memory-measurement.js';
import { spread } from './statistics.js';

const rounds = Number(process.env['ROUNDS'] ?? 5);
const block = 64;
const length = Number(process.env['TOKENS'] ?? 1024);
const folder = join(tmpdir(), 'heddle-bench');
mkdirSync(folder, { recursive: true });
const modelPath = writeBenchmarkModel(folder);
const libraryLock = new Int32Array(new SharedArrayBuffer(4));
const load = { modelPath, contextSize: 4096, slots: 4, batchSize: 512, threads: availableParallelism() };

const starts = Array.from({ length: length / block }, (_, index) => index * block);
const tokens = Array.from({ length }, (_, index) => (index * 7919) % 50_000);

function shared(bytes: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(bytes));
}

function timed(work: () => void): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}

function compute(runner: ModelRunner): void {
  for (let start = 0; start < length; start += 512) {
    const rows = tokens.slice(start, start + 512);
    const spans = [{ sequenceId: 0, slot: 0, start, tokens: rows, output: false }];
    if (runner.decode({ spans, rows: rows.length }) !== 'ok') throw new Error('The prompt was not computed.');
  }
}

const runner = await openRunner(
  { ...load, residentSlots: 8 },
  { abortFlag: new Uint8Array(new SharedArrayBuffer(2)), libraryLock, onProgress: () => true },
);
const bytes = runner.cellsSize(block);
const kept = starts.map(() => shared(bytes));
const times = {
  compute: [] as number[],
  fresh: [] as number[],
  save: [] as number[],
  restore: [] as number[],
};
for (let round = 0; round <= rounds; round++) {
  runner.removeCells(0, 0, -1);
  const computed = timed(() => compute(runner));
  const fresh = timed(() => {
    for (const start of starts) runner.saveCells(0, start, start + block, shared);
  });
  const save = (): void => {
    for (const [index, start] of starts.entries())
      runner.saveCells(0, start, start + block, (size) => kept[index] ?? shared(size));
  };
  save();
  const saved = timed(save);
  const restored = timed(() => {
    for (const [index, start] of starts.entries()) {
      if (runner.restoreCells(1, start, kept[index] ?? shared(0)) !== 'ok')
        throw new Error('There is no room.');
    }
  });
  runner.removeCells(1, 0, -1);
  if (round === 0) continue; // the first touch of the library's own memory
  for (const [name, time] of Object.entries({ compute: computed, fresh, save: saved, restore: restored }))
    times[name as keyof typeof times].push(time / starts.length);
}
runner.dispose();

console.log(
  `${length} tokens in blocks of ${block} (${(bytes / 2 ** 20).toFixed(2)} MiB each), ${load.threads} threads; median (least to greatest) of ${rounds} rounds`,
);
for (const [name, label] of [
  ['compute', 'computing'],
  ['fresh', 'saving into fresh memory'],
  ['save', 'saving into memory used before'],
  ['restore', 'restoring'],
] as const) {
  const rates = times[name].map((time) => bytes / 2 ** 20 / (time / 1000));
  const rate = name === 'compute' ? '' : `, ${spread(rates, 0)} MiB/s`;
  console.log(`  ${label}: ${spread(times[name], 3)} ms per block${rate}`);
}

console.log(
  '\n| sequences that stay | logits and compute, MiB | predicted, MiB | measured, MiB | error, % |',
);
console.log('|---|---|---|---|---|');
const library = openLlamaLibrary(libraryLock);
for (const residentSlots of [0, 8, 22, 60]) {
  const options = { ...load, contextSize: 2048, residentSlots };
  const need = await predictMemory(library, options);
  const { residentBytes } = await measureLoad({ options });
  const error = ((need.totalBytes / residentBytes - 1) * 100).toFixed(1);
  const sizes = [need.computeBytes + need.tableBytes, need.totalBytes, residentBytes];
  console.log(
    `| ${residentSlots} | ${sizes.map((size) => (size / 2 ** 20).toFixed(1)).join(' | ')} | ${error} |`,
  );
}

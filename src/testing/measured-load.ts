/*
 * Loads a model, fills its context, and says how much memory that took: the child process of memory-measurement.ts.
 * Its argument is a JSON MeasuredLoad, its last line of output a MemoryGrowth.
 */
import { openLlamaLibrary } from '../native/llama-library.js';
import { openRunner } from '../native/llama-runner.js';
import { readMemory } from '../native/memory-reading.js';
import type { MeasuredLoad, MemoryGrowth } from './memory-measurement.js';
import { greedySampling } from './requests.js';

const { options, prefill } = JSON.parse(process.argv[2] ?? '{}') as MeasuredLoad;
const libraryLock = new Int32Array(new SharedArrayBuffer(4));
const abortFlag = new Uint8Array(new SharedArrayBuffer(2));

openLlamaLibrary(libraryLock);
const before = readMemory();
const runner = await openRunner(options, { abortFlag, libraryLock, onProgress: () => true });
const sampler = runner.createSampler(greedySampling, { seed: 0, prompt: [], ignoreEos: false });
const { batchSize, slots, contextSize, outputRows, causal } = runner.info;
const chunk = Math.max(1, Math.floor(batchSize / slots));
/**
 * Tokens of each slot, all slots in one batch: as much as fits, with all the results there can be, so that the largest
 * step there is was made. An encoder keeps nothing: one such step is all there is.
 */
const cells = causal ? contextSize : batchSize;
const share = Math.floor(Math.min(cells, prefill ?? Infinity) / slots);
for (let start = 0; start < share; start += chunk) {
  const length = Math.min(chunk, share - start);
  const tokens = Array.from({ length }, (_, index) => 20 + (index % 200));
  const spans = Array.from({ length: slots }, (_, slot) => {
    const outputFrom = Math.max(0, length - Math.floor(outputRows / slots));
    return { sequenceId: slot, slot, start, tokens, output: true, outputFrom };
  });
  const outcome = runner.decode({ spans, rows: length * slots });
  if (outcome !== 'ok') throw new Error(`a decode of the measured load ended with ${outcome}`);
  if (causal) for (const slot of spans.keys()) sampler.sample((slot + 1) * length - 1);
}
const after = readMemory();
const growth: MemoryGrowth = {
  residentBytes: after.residentBytes - before.residentBytes,
  anonymousBytes: (after.anonymousBytes ?? 0) - (before.anonymousBytes ?? 0),
  emptyHostBytes: before.residentBytes,
};
sampler.dispose();
runner.dispose();
process.stdout.write(`${JSON.stringify(growth)}\n`);

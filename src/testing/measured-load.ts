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
const cells = Math.min(runner.info.contextSize, prefill ?? Infinity);
const { batchSize, slots } = runner.info;
/** Every slot gets its share, so that every recurrent state is written. */
for (let slot = 0; slot < slots; slot++) {
  const share = Math.floor(cells / slots);
  for (let start = 0; start < share; start += batchSize) {
    const tokens = Array.from(
      { length: Math.min(batchSize, share - start) },
      (_, index) => 20 + (index % 200),
    );
    const span = { sequenceId: slot, slot, start, tokens, output: true };
    const outcome = runner.decode({ spans: [span], rows: tokens.length });
    if (outcome !== 'ok') throw new Error(`a decode of the measured load ended with ${outcome}`);
    sampler.sample(tokens.length - 1);
  }
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

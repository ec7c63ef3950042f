/*
 * A client leaves in the middle of a long prompt: how long until the engine is free. Steps are as large as they get, with
 * nobody else there, so that what is measured is how soon a running step ends, not how short it would have been.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createThreadEngine, defaultSampling, defaultStop } from '../../dist/index.js';
import { defaultCacheUse } from '../../dist/core/prompt-cache.js';
import { writeBenchmarkModel } from '../../dist/testing/gguf/fixtures.js';
import { kept, whenQuiet } from './quiet.js';
import { spread } from './statistics.js';
import { batchSize, promptOf } from './workload.js';

const rounds = Number(process.env['ROUNDS'] ?? 40);
const threads = Number(process.env['THREADS'] ?? availableParallelism());
const promptTokens = Number(process.env['PROMPT'] ?? 1536);
const layers = Number(process.env['LAYERS'] ?? 12);

const folder = join(tmpdir(), 'heddle-bench');
mkdirSync(folder, { recursive: true });
const modelPath = writeBenchmarkModel(folder, { layers, contextLength: 8192 });
const engine = createThreadEngine('cancel');
await engine.load({ modelPath, contextSize: 8192, slots: 4, batchSize, threads });

let requests = 0;

/** Begins a prompt and leaves after so long. @returns milliseconds from then on until nothing of it is left */
async function leave(after: number): Promise<number> {
  requests++;
  const generation = engine.generate({
    id: String(requests),
    prompt: { kind: 'tokens', tokens: promptOf(promptTokens, requests) },
    choices: 1,
    sampling: { ...defaultSampling, temperature: 0 },
    stop: { ...defaultStop, maxTokens: 1 },
    cache: { ...defaultCacheUse, use: false },
  });
  const failed = (async () => {
    for await (const update of generation) if (update.kind === 'choice') throw new Error('it was too late');
  })();
  await new Promise((resolve) => setTimeout(resolve, after));
  const left = performance.now();
  generation.cancel();
  // Commands are taken in order, between steps.
  const { running, waiting } = await engine.inspect();
  const free = performance.now() - left;
  if (running + waiting > 0) throw new Error('the engine is not free');
  await failed.catch((error: unknown) => {
    if ((error as { code?: string }).code !== 'request_cancelled') throw error;
  });
  return free;
}

await leave(1000); // warm-up
const times: number[] = [];
for (let round = 0; round < rounds; round++) {
  // Anywhere in a step, and in the first as in later ones.
  times.push(await whenQuiet([], async () => leave(60 + ((round * 137) % 1000))));
  process.stderr.write(`\rcancel ${round + 1} of ${rounds} `);
}
process.stderr.write('\n');
const { recentSteps } = await engine.inspect();
const whole = recentSteps.filter(({ outcome }) => outcome === 'ok').map(({ decodeMs }) => decodeMs);
console.log(
  `cancel in the middle of ${promptTokens} tokens, ${threads} threads: free after ${spread(times)} ms, median (least to greatest) of ${rounds}; steps that were not cut took ${spread(whole)} ms`,
);
console.log(`  ${kept.disturbed} of ${kept.all} measurements were disturbed by others`);
await engine.close();

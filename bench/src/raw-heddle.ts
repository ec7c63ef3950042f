/* One side of the raw benchmark: heddle's engine, through its thread, messages, scheduler and text. */
import { createThreadEngine, defaultCacheUse, defaultSampling, defaultStop } from '../../dist/index.js';
import { batchSize, promptOf, readWorkload, type Speeds } from './workload.js';

const { modelPath, threads, promptTokens, generatedTokens } = readWorkload();
const engine = createThreadEngine('raw');
const contextSize = promptTokens + generatedTokens + 64;
await engine.load({ modelPath, contextSize, slots: 1, batchSize, threads });

let requests = 0;
async function milliseconds(promptLength: number, maxTokens: number): Promise<number> {
  const started = performance.now();
  const generation = engine.generate({
    id: String(++requests),
    prompt: { kind: 'tokens', tokens: promptOf(promptLength, requests) },
    choices: 1,
    sampling: { ...defaultSampling, temperature: 0 },
    stop: { ...defaultStop, ignoreEos: true, maxTokens },
    cache: { ...defaultCacheUse, use: false },
  });
  for await (const _ of generation);
  return performance.now() - started;
}

await milliseconds(promptTokens, 8); // warm-up
const prefill = await milliseconds(promptTokens, 1);
const decode = (await milliseconds(8, generatedTokens + 1)) - (await milliseconds(8, 1));
await engine.close();
const speeds: Speeds = {
  prefill: (promptTokens / prefill) * 1000,
  decode: (generatedTokens / decode) * 1000,
};
process.stdout.write(`${JSON.stringify(speeds)}\n`);

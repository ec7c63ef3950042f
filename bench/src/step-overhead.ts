/*
 * What a step costs outside the native calls: scheduling, the batch, text, messages, the inbox. Measured on the engine
 * thread, as the time between its first and last decode of generated tokens less that spent in native calls.
 */
import { fileURLToPath } from 'node:url';
import { defaultCacheUse, defaultSampling, defaultStop, type GenerateRequest } from '../../dist/index.js';
import { Engine } from '../../dist/engine/engine.js';
import { ThreadTransport } from '../../dist/engine/thread-transport.js';
import { median, spread } from './statistics.js';
import { channelName, type NativeTimes } from './timed-runner.js';

const rounds = Number(process.env['ROUNDS'] ?? 7);
const modelPath = fileURLToPath(new URL('../../models/starter/starter.gguf', import.meta.url));
const runnerModule = new URL('timed-runner.js', import.meta.url).href;
const generated = 300;

function request(id: string): GenerateRequest {
  return {
    id,
    prompt: { kind: 'text', text: `Once upon a time, number ${id}`, addSpecial: true, parseSpecial: true },
    choices: 1,
    sampling: defaultSampling,
    stop: { ...defaultStop, ignoreEos: true, maxTokens: generated },
    cache: defaultCacheUse,
  };
}

async function measure(sequences: number): Promise<NativeTimes> {
  const channel = new BroadcastChannel(channelName);
  const times = new Promise<NativeTimes>((resolve) => {
    channel.onmessage = (event) => resolve((event as unknown as { data: NativeTimes }).data);
  });
  const engine = new Engine(new ThreadTransport({ name: 'overhead', runnerModule }));
  await engine.load({ modelPath, contextSize: 4096, slots: sequences, batchSize: 512, threads: 1 });
  const read = async (id: string): Promise<void> => {
    for await (const _ of engine.generate(request(id)));
  };
  for (const phase of ['warm-up', 'measured']) {
    await Promise.all(Array.from({ length: sequences }, async (_, index) => read(`${phase} ${index}`)));
  }
  await engine.close();
  const result = await times;
  channel.close();
  return result;
}

console.log(
  `overhead of a step outside native calls, starter model: median (least to greatest) of ${rounds} rounds`,
);
for (const sequences of [1, 4, 8]) {
  const perRow: number[] = [];
  const perStep: number[] = [];
  const share: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { wall, native, steps, rows } = await measure(sequences);
    perRow.push(((wall - native) / rows) * 1000);
    perStep.push(((wall - native) / steps) * 1000);
    share.push(((wall - native) / wall) * 100);
  }
  console.log(
    `  ${sequences} sequences: ${spread(perRow)} us per row, ${spread(perStep)} us per step, ${median(share).toFixed(1)} % of the time`,
  );
}

/* The other side of the raw benchmark: node-llama-cpp, through its evaluation loop. */
import { batchSize, promptOf, readWorkload, type Speeds } from './workload.js';

/** The part of node-llama-cpp that is used here; it is installed in bench/ only. */
interface Peer {
  getLlama(options: object): Promise<{
    loadModel(options: object): Promise<{
      createContext(options: object): Promise<{
        getSequence(): {
          evaluate(tokens: number[], options: object): AsyncGenerator<number>;
          clearHistory(): Promise<void>;
        };
        dispose(): Promise<void>;
      }>;
    }>;
  }>;
}

const { modelPath, threads, promptTokens, generatedTokens } = readWorkload();
const peerName = 'node-llama-cpp';
const peer = (await import(peerName)) as Peer;
const llama = await peer.getLlama({ gpu: false, build: 'never', logLevel: 'error', maxThreads: threads });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({
  contextSize: promptTokens + generatedTokens + 64,
  batchSize,
  threads,
  sequences: 1,
  flashAttention: true,
});
const sequence = context.getSequence();

let requests = 0;
async function milliseconds(promptLength: number, maxTokens: number): Promise<number> {
  await sequence.clearHistory();
  const prompt = promptOf(promptLength, ++requests);
  const started = performance.now();
  let generated = 0;
  for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    if (++generated === maxTokens) break;
  }
  return performance.now() - started;
}

await milliseconds(promptTokens, 8); // warm-up
const prefill = await milliseconds(promptTokens, 1);
const decode = (await milliseconds(8, generatedTokens + 1)) - (await milliseconds(8, 1));
await context.dispose();
const speeds: Speeds = {
  prefill: (promptTokens / prefill) * 1000,
  decode: (generatedTokens / decode) * 1000,
};
process.stdout.write(`${JSON.stringify(speeds)}\n`);
process.exit(0);

import { defaultCacheUse, defaultSampling, defaultStop, type Engine } from '../../dist/index.js';
import { promptOf } from './workload.js';

let requests = 0;

/**
 * Sends one request and reads it to its end, as the server would.
 * @returns milliseconds to its first token
 */
export async function ask(engine: Engine, promptTokens: number, generatedTokens: number): Promise<number> {
  const id = ++requests;
  const started = performance.now();
  let first: number | undefined;
  let generated = 0;
  const generation = engine.generate({
    id: String(id),
    prompt: { kind: 'tokens', tokens: promptOf(promptTokens, id) },
    choices: 1,
    sampling: { ...defaultSampling, seed: id },
    stop: { ...defaultStop, ignoreEos: true, maxTokens: generatedTokens },
    cache: defaultCacheUse,
  });
  for await (const update of generation) {
    if (update.kind !== 'choice') continue;
    first ??= performance.now() - started;
    generated = update.completionTokens;
  }
  if (first === undefined || generated !== generatedTokens) {
    throw new Error(`a request for ${generatedTokens} tokens got ${generated}`);
  }
  return first;
}

/** What is asked of one model: so many streams, each of so many requests one after the other. */
export interface ModelLoad {
  readonly streams: number;
  readonly requests: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
}

/** Tokens that a load generates. */
export function tokensOf({ streams, requests: count, generatedTokens }: ModelLoad): number {
  return streams * count * generatedTokens;
}

/** Runs a load. @returns how long it took, milliseconds */
export async function runLoad(engine: Engine, load: ModelLoad): Promise<number> {
  const started = performance.now();
  const stream = async (): Promise<void> => {
    for (let done = 0; done < load.requests; done++) {
      await ask(engine, load.promptTokens, load.generatedTokens);
    }
  };
  await Promise.all(Array.from({ length: load.streams }, stream));
  return performance.now() - started;
}

/*
 * What drafts of n-grams gain, and what they cost where they gain nothing: two engines on the same model, one with drafts
 * and one without, which generate the same in turn, one at a time. What counts is the ratio of a pair.
 *
 * The weights are random, so texts are made by which tokens may be drawn. Of two tokens, one of them much likelier, what
 * was there before mostly comes again: text that copies. Of some more, most places were there before and what follows is
 * another token each time: the worst text for drafts. Of all tokens, hardly any two come together twice.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createThreadEngine,
  defaultCacheUse,
  defaultSampling,
  defaultStop,
  type Engine,
} from '../../dist/index.js';
import type { SamplingParams } from '../../dist/core/generation.js';
import { writeBenchmarkModel } from '../../dist/testing/gguf/fixtures.js';
import { kept, whenQuiet } from './quiet.js';
import { spread } from './statistics.js';
import { batchSize, promptOf } from './workload.js';

const rounds = Number(process.env['ROUNDS'] ?? 9);
const generated = Number(process.env['TOKENS'] ?? 192);
const threads = Number(process.env['THREADS'] ?? availableParallelism());
const promptTokens = 96;
const folder = join(tmpdir(), 'heddle-bench');
mkdirSync(folder, { recursive: true });
/** `SHAPE='{"layers":4}'`: another shape. */
const shape = JSON.parse(process.env['SHAPE'] ?? '{}') as Parameters<typeof writeBenchmarkModel>[1];
const modelPath = writeBenchmarkModel(folder, shape);

const few = Array.from({ length: 24 }, (_, index): [number, number] => [300 + index, 80]);
/** Only the texts whose names hold this; all when empty. */
const only = process.env['TEXTS'] ?? '';
const texts: Record<string, Partial<SamplingParams>> = {
  'copies always (one token)': { logitBias: [[300, 80]] },
  'copies nearly always (one token, seldom another)': {
    logitBias: [
      [300, 80],
      [301, 74],
    ],
  },
  'copies half the time (two tokens)': { logitBias: few.slice(0, 2) },
  'seldom as before (few tokens)': { logitBias: few },
  'never as before (all tokens)': {},
};

async function load(speculation: 'ngram' | 'off'): Promise<Engine> {
  const engine = createThreadEngine(speculation);
  const contextSize = 4 * (promptTokens + generated + 64);
  await engine.load({ modelPath, contextSize, slots: 4, batchSize, threads, speculation });
  return engine;
}

/** Tokens a second, of requests that begin together. */
async function speed(
  engine: Engine,
  sampling: Partial<SamplingParams>,
  streams: number,
  seed: number,
): Promise<number> {
  let [first, last] = [Infinity, 0];
  const read = async (index: number): Promise<void> => {
    const generation = engine.generate({
      id: `${seed}-${index}-${performance.now()}`,
      prompt: { kind: 'tokens', tokens: promptOf(promptTokens, seed * 16 + index) },
      choices: 1,
      sampling: {
        ...defaultSampling,
        seed: seed + index,
        temperature: 1,
        topK: 0,
        topP: 1,
        minP: 0,
        ...sampling,
      },
      stop: { ...defaultStop, ignoreEos: true, maxTokens: generated },
      cache: { ...defaultCacheUse, use: false },
    });
    for await (const update of generation) {
      if (update.kind !== 'choice') continue;
      if (streams === 1) first = Math.min(first, performance.now());
      last = performance.now();
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: streams }, async (_, index) => read(index)));
  const from = streams === 1 ? first : started;
  return (streams * generated * 1000) / (last - from);
}

const engines = { off: await load('off'), ngram: await load('ngram') };
console.log(
  `n-gram drafts, random weights in the shape of Qwen3-0.6B, ${threads} threads, ${generated} tokens a request; medians (least to greatest) of ${rounds} pairs`,
);
for (const [name, sampling] of Object.entries(texts).filter(([text]) => text.includes(only))) {
  for (const streams of [1, 4]) {
    const [speeds, ratios] = [{ off: [] as number[], ngram: [] as number[] }, [] as number[]];
    const before = await engines.ngram.inspect();
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? (['off', 'ngram'] as const) : (['ngram', 'off'] as const);
      for (const side of order) {
        speeds[side].push(
          await whenQuiet([process.pid], async () => speed(engines[side], sampling, streams, round + 1)),
        );
      }
      ratios.push((speeds.ngram.at(-1) ?? NaN) / (speeds.off.at(-1) ?? NaN));
      process.stderr.write(
        `\r${name}, ${streams} at once: pair ${round + 1} of ${rounds}: ${ratios.at(-1)?.toFixed(2)} `,
      );
    }
    process.stderr.write('\n');
    const after = await engines.ngram.inspect();
    const drafted = after.draftTokens - before.draftTokens;
    const accepted = after.acceptedDraftTokens - before.acceptedDraftTokens;
    console.log(
      `  ${name}, ${streams} at once: ${spread(speeds.ngram)} tokens/s with, ${spread(speeds.off)} without, ratio ${spread(ratios, 3)}; ${accepted} of ${drafted} drafted tokens right`,
    );
  }
}
console.log(`  ${kept.disturbed} of ${kept.all} measurements were disturbed by others`);
for (const engine of Object.values(engines)) await engine.close();

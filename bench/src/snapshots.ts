/*
 * What snapshots cost and save, on a hybrid model with random weights: the steps that end where a state is wanted, the
 * copies, and conversations that share a system prompt, without the cache and with it, in turn.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createThreadEngine } from '../../dist/engine/create-engine.js';
import { defaultSampling, defaultStop } from '../../dist/index.js';
import { openRunner } from '../../dist/native/llama-runner.js';
import { writeHybridBenchmarkModel } from '../../dist/testing/gguf/fixtures.js';
import { median, spread } from './statistics.js';

const rounds = Number(process.env['ROUNDS'] ?? 5);
const folder = join(tmpdir(), 'heddle-bench');
mkdirSync(folder, { recursive: true });
const layers = Number(process.env['LAYERS'] ?? 24);
const modelPath = writeHybridBenchmarkModel(folder, { layers });
const threads = availableParallelism();
const token = (at: number): number => 300 + ((at * 7919) % 30_000);
const tokensFrom = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => token(from + index));

function timed(work: () => void): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}

async function measureSteps(): Promise<void> {
  const runner = await openRunner(
    { modelPath, contextSize: 4096, slots: 2, batchSize: 512, threads },
    {
      abortFlag: new Uint8Array(new SharedArrayBuffer(2)),
      libraryLock: new Int32Array(new SharedArrayBuffer(4)),
      onProgress: () => true,
    },
  );
  const tokens = tokensFrom(0, 1100);
  const compute = (ends: readonly number[]): void => {
    runner.removeCells(0, 0, -1);
    let start = 0;
    for (const end of ends) {
      const rows = tokens.slice(start, end);
      runner.decode({
        spans: [{ sequenceId: 0, slot: 0, start, tokens: rows, output: false }],
        rows: rows.length,
      });
      start = end;
    }
  };
  const ways = {
    'in steps of 512': [512, 1024, 1100],
    'stopping at its end, 1088': [512, 1024, 1088, 1100],
    'stopping at 640 and 1088': [512, 640, 1088, 1100],
  };
  const times = Object.keys(ways).map((): number[] => []);
  const copies = { fresh: [] as number[], save: [] as number[], restore: [] as number[] };
  let kept: Uint8Array = new Uint8Array(0);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, ends] of Object.values(ways).entries()) {
      const time = timed(() => compute(ends));
      if (round > 0) times[index]?.push(time);
    }
    const copy = timed(() => {
      kept = runner.saveSnapshot(0, (bytes) => new Uint8Array(new SharedArrayBuffer(bytes)));
    });
    const again = timed(() => void runner.saveSnapshot(0, () => kept));
    const restored = timed(() => void runner.restoreSnapshot(0, kept));
    if (round === 0) continue;
    copies.fresh.push(copy);
    copies.save.push(again);
    copies.restore.push(restored);
  }
  console.log(
    `a prompt of ${tokens.length} tokens, ms; a snapshot of ${(kept.length / 2 ** 20).toFixed(1)} MiB, ms`,
  );
  for (const [index, name] of Object.keys(ways).entries())
    console.log(`  ${name}: ${spread(times[index] ?? [], 0)}`);
  console.log(
    `  saved into fresh memory: ${spread(copies.fresh)}; into memory used before: ${spread(copies.save)}`,
  );
  console.log(`  restored: ${spread(copies.restore)}`);
  runner.dispose();
}

interface Asked {
  readonly cached: number;
  readonly length: number;
  readonly firstMs: number;
}

const [sessions, turns, slots, system, question, answer] = [12, 3, 4, 700, 128, 64];

/** Turn by turn over all sessions, so many at once as there are slots. @returns by turn */
async function converse(use: boolean): Promise<Asked[][]> {
  const engine = createThreadEngine('snapshots');
  const promptCache = { hostBytes: 2 ** 30 };
  await engine.load({ modelPath, contextSize: 8192, slots, batchSize: 512, threads, promptCache });
  const histories = Array.from({ length: sessions }, () => tokensFrom(0, system));
  const asked: Asked[][] = [];
  for (let turn = 0; turn < turns; turn++) {
    const results: Asked[] = [];
    const waiting = [...histories.keys()];
    const work = async (): Promise<void> => {
      for (let who = waiting.shift(); who !== undefined; who = waiting.shift()) {
        const history = histories[who] ?? [];
        const tokens = [...history, ...tokensFrom(100_000 * (who + 1) + 1000 * turn, question)];
        const started = performance.now();
        let [cached, firstMs] = [0, NaN];
        for await (const update of engine.generate({
          id: `${turn} ${who}`,
          prompt: { kind: 'tokens', tokens, boundaries: [system, tokens.length] },
          choices: 1,
          sampling: { ...defaultSampling, temperature: 0 },
          stop: { ...defaultStop, maxTokens: answer, ignoreEos: true },
          cache: { use, salt: '' },
        })) {
          if (update.kind === 'started') cached = update.cachedTokens;
          if (update.kind === 'choice' && Number.isNaN(firstMs)) firstMs = performance.now() - started;
        }
        results.push({ cached, length: tokens.length, firstMs });
        // What it said, as far as the prompts to come are concerned.
        histories[who] = [...tokens, ...tokensFrom(100_000 * (who + 1) + 1000 * turn + 500, answer)];
      }
    };
    await Promise.all(Array.from({ length: slots }, work));
    asked.push(results);
  }
  const { moved } = await engine.promptCache('stats');
  if (use) console.log(`  moved: ${JSON.stringify(moved)}`);
  await engine.close();
  return asked;
}

await measureSteps();
for (const use of [false, true]) {
  console.log(`\n${sessions} sessions, ${slots} at once, ${use ? 'with' : 'without'} the cache`);
  for (const [turn, asked] of (await converse(use)).entries()) {
    const seen = turn === 0 ? system : system + turn * (question + answer) - answer;
    const served = asked.map(({ cached }) => (100 * Math.min(cached, seen)) / seen);
    const times = asked.map(({ firstMs }) => firstMs);
    console.log(
      `  turn ${turn + 1}: ${asked[0]?.length ?? 0} tokens, ${seen} of them seen before; served of these, %: ${spread(served)}; TTFT p50 ${median(times).toFixed(0)} ms`,
    );
  }
}

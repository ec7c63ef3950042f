/*
 * Two engines at once, heddle's design, against the same two models in turn on one thread, whose work gets all cores.
 * Sides alternate within one run, on the same loads; what counts is the ratio of a round. Every side has the same engines,
 * schedulers, messages and native library; heddle's are in processes of their own, as `heddle serve` has them.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createProcessEngine, type Engine } from '../../dist/index.js';
import { ComputeGovernor } from '../../dist/pool/compute-governor.js';
import { writeBenchmarkModel } from '../../dist/testing/gguf/fixtures.js';
import { ask, runLoad, tokensOf, type ModelLoad } from './client.js';
import { createInTurnEngines } from './in-turn-executor.js';
import { kept, whenQuiet } from './quiet.js';
import { median, percentile, spread } from './statistics.js';
import type { TurnTaking } from './turns.js';
import { batchSize } from './workload.js';

const rounds = Number(process.env['ROUNDS'] ?? 5);
/** Only the loads whose names hold this text, and no first tokens; all when empty. */
const only = process.env['LOADS'] ?? '';
const threads = availableParallelism();
const slots = 4;
const longPrompt = 1536;

const folder = join(tmpdir(), 'heddle-bench');
mkdirSync(folder, { recursive: true });
const shape = { layers: 20, vocabularySize: 32_000 };
/** By their place here: the small model, the large one, and another of the large one's size. */
const modelPaths = [
  fileURLToPath(new URL('../../models/starter/starter.gguf', import.meta.url)),
  writeBenchmarkModel(folder, { ...shape, contextLength: 8192 }),
  writeBenchmarkModel(folder, { ...shape, contextLength: 4096 }),
];
const [small, large, twin] = [0, 1, 2];

type Side = 'at once' | TurnTaking;
const baselines = ['request', 'batch', 'step'] as const satisfies readonly TurnTaking[];
const sides: readonly Side[] = ['at once', ...baselines];
const engines = new Map<Side, readonly Engine[]>();
let processes: readonly number[] = [];

function engineOf(side: Side, model: number): Engine {
  const engine = engines.get(side)?.[model];
  if (engine === undefined) throw new Error(`there is no model ${model}`);
  return engine;
}

async function loadModels(): Promise<void> {
  const governor = new ComputeGovernor(threads);
  const ours = modelPaths.map(() => createProcessEngine('two-models'));
  for (const engine of ours) governor.add(engine);
  engines.set('at once', ours);
  for (const taking of baselines) engines.set(taking, createInTurnEngines(modelPaths.length, taking, slots));
  for (const side of engines.values()) {
    for (const [model, engine] of side.entries()) {
      const modelPath = modelPaths[model] ?? '';
      await engine.load({ modelPath, contextSize: 4096, slots, batchSize, threads });
      await ask(engine, 64, 8);
    }
  }
}

/** What each model is asked. With 0 requests it is as many as take as long as the other model's, each with all cores. */
interface Workload {
  readonly name: string;
  readonly loads: readonly [small: Asked, large: Asked];
}

interface Asked {
  readonly model: number;
  readonly load: ModelLoad;
}

function chats(streams: number, generatedTokens: number, requests: number): ModelLoad {
  return { streams, requests, promptTokens: 48, generatedTokens };
}

function documents(requests: number): ModelLoad {
  return { streams: 4, requests, promptTokens: 192, generatedTokens: 8 };
}

const workloads: readonly Workload[] = [
  {
    name: 'small and large, 1 chat each',
    loads: [
      { model: small, load: chats(1, 128, 0) },
      { model: large, load: chats(1, 64, 1) },
    ],
  },
  {
    name: 'small and large, 4 chats each',
    loads: [
      { model: small, load: chats(4, 128, 0) },
      { model: large, load: chats(4, 32, 1) },
    ],
  },
  {
    name: 'small and large, 4 chats each, as many tokens of both',
    loads: [
      { model: small, load: chats(4, 32, 1) },
      { model: large, load: chats(4, 32, 1) },
    ],
  },
  {
    name: 'small and large, 4 readers of documents each',
    loads: [
      { model: small, load: documents(0) },
      { model: large, load: documents(1) },
    ],
  },
  {
    name: 'two large, 1 chat each',
    loads: [
      { model: large, load: chats(1, 64, 1) },
      { model: twin, load: chats(1, 64, 1) },
    ],
  },
  {
    name: 'two large, 4 chats each',
    loads: [
      { model: large, load: chats(4, 32, 1) },
      { model: twin, load: chats(4, 32, 1) },
    ],
  },
];

/** The shortest of three: what others do to the machine only makes it longer. */
async function durationAlone({ model, load }: Asked): Promise<number> {
  const durations: number[] = [];
  for (let repeat = 0; repeat < 3; repeat++) {
    durations.push(await whenQuiet(processes, async () => runLoad(engineOf('batch', model), load)));
  }
  return Math.min(...durations);
}

/** Fills in the requests that were left open: all sides then do the same. */
async function fill({ name, loads: [first, second] }: Workload): Promise<Workload> {
  if (first.load.requests > 0) return { name, loads: [first, second] };
  const few = { ...first.load, requests: 4 };
  const once = (await durationAlone({ ...first, load: few })) / few.requests;
  const requests = Math.max(1, Math.round((await durationAlone(second)) / once));
  return { name, loads: [{ ...first, load: { ...first.load, requests } }, second] };
}

/** Generated tokens of all models a second, until the last has ended. */
async function throughput(side: Side, { loads }: Workload): Promise<number> {
  const durations = await Promise.all(
    loads.map(async ({ model, load }) => runLoad(engineOf(side, model), load)),
  );
  const tokens = loads.reduce((sum, { load }) => sum + tokensOf(load), 0);
  return (tokens / Math.max(...durations)) * 1000;
}

async function compareThroughput(workload: Workload): Promise<void> {
  const measured = new Map<Side, number[]>(sides.map((side) => [side, []]));
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another side, so that what drifts meets all alike.
    for (let place = 0; place < sides.length; place++) {
      const side = sides[(place + round) % sides.length] ?? 'at once';
      measured.get(side)?.push(await whenQuiet(processes, async () => throughput(side, workload)));
    }
    process.stderr.write(`\r${workload.name}: round ${round + 1} of ${rounds} `);
  }
  process.stderr.write('\n');
  const of = (side: Side): number[] => measured.get(side) ?? [];
  const ours = of('at once');
  const requests = workload.loads.map(({ load }) => load.requests).join(' and ');
  const ratios = baselines.map((side) => {
    const theirs = of(side);
    return spread(
      ours.map((value, round) => value / (theirs[round] ?? NaN)),
      2,
    );
  });
  const speeds = sides.map((side) => median(of(side)).toFixed(1));
  console.log(`| ${[workload.name, requests, ...speeds, ...ratios].join(' | ')} |`);
}

interface Reading {
  /** Time to first token of each short request that was sent while the prompt was read, milliseconds. */
  readonly short: readonly number[];
  /** The same of the long prompt. */
  readonly long: number;
}

/** Short requests come to the small model every 200 ms, whatever became of those before, while the large one reads. */
async function readLongPrompt(side: Side): Promise<Reading> {
  const long = ask(engineOf(side, large), longPrompt, 1);
  const read = long.then(() => true);
  const pause = async (): Promise<boolean> => new Promise((resolve) => setTimeout(resolve, 200, false));
  const short: Promise<number>[] = [];
  while (!(await Promise.race([read, pause()]))) short.push(ask(engineOf(side, small), 16, 8));
  return { short: await Promise.all(short), long: await long };
}

async function compareFirstTokens(): Promise<void> {
  const measured = new Map<Side, Reading[]>(sides.map((side) => [side, []]));
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < sides.length; place++) {
      const side = sides[(place + round) % sides.length] ?? 'at once';
      measured.get(side)?.push(await whenQuiet(processes, async () => readLongPrompt(side)));
    }
    process.stderr.write(`\rfirst tokens: round ${round + 1} of ${rounds} `);
  }
  process.stderr.write('\n');
  const shortOf = (side: Side): number[] => measured.get(side)?.flatMap(({ short }) => short) ?? [];
  console.log(
    '| side | short requests | TTFT p50, ms | TTFT p95, ms | p50, times that at once | p95, times | TTFT of the long prompt, s |',
  );
  console.log('|---|---|---|---|---|---|---|');
  for (const side of sides) {
    const values = [percentile(shortOf(side), 0.5), percentile(shortOf(side), 0.95)];
    const ours = [percentile(shortOf('at once'), 0.5), percentile(shortOf('at once'), 0.95)];
    const times = values.map((value, index) => (value / (ours[index] ?? NaN)).toFixed(1));
    const long = spread(measured.get(side)?.map((reading) => reading.long / 1000) ?? [], 2);
    const cells = [side, shortOf(side).length, ...values.map((value) => value.toFixed(0)), ...times, long];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

await loadModels();
processes = [...engines.values()].flat().flatMap(({ processId }) => processId ?? []);
if (only === '') {
  console.log(`short requests to the small model while the large one reads a prompt of ${longPrompt} tokens`);
  await compareFirstTokens();
}
console.log(
  `\ngenerated tokens/s of both models together, ${threads} cores, median of ${rounds} rounds; ratios of a round, median (least to greatest)`,
);
console.log(
  '| load | requests of a stream | at once | by request | by batch | by step | at once / by request | at once / by batch | at once / by step |',
);
console.log('|---|---|---|---|---|---|---|---|---|');
for (const workload of workloads)
  if (workload.name.includes(only)) await compareThroughput(await fill(workload));
console.log(`\n${kept.disturbed} of ${kept.all} measurements were disturbed by others`);
await Promise.all([...engines.values()].flat().map(async (engine) => engine.close()));

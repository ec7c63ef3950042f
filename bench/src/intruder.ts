/*
 * A long prompt among running streams: how long the streams stall, and how long the prompt waits, with steps cut to an
 * inter-token target and without one; and what the target costs when nobody is long. Both engines stay loaded and take
 * turns within each round, so that what else the machine does meets both alike. An idle engine takes no processor.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createThreadEngine, defaultSampling, defaultStop, type GenerateRequest } from '../../dist/index.js';
import { defaultCacheUse } from '../../dist/core/prompt-cache.js';
import { writeBenchmarkModel } from '../../dist/testing/gguf/fixtures.js';
import { kept, whenQuiet } from './quiet.js';
import { median, spread } from './statistics.js';
import { batchSize, promptOf } from './workload.js';

const rounds = Number(process.env['ROUNDS'] ?? 5);
const threads = Number(process.env['THREADS'] ?? availableParallelism());
/** Milliseconds. */
const target = Number(process.env['TARGET'] ?? 150);
const longPrompt = Number(process.env['PROMPT'] ?? 1536);
const streams = 3;
const chats = { count: 8, atOnce: 4, promptTokens: Number(process.env['CHAT'] ?? 48), generatedTokens: 48 };

const folder = join(tmpdir(), 'heddle-bench');
mkdirSync(folder, { recursive: true });
const layers = Number(process.env['LAYERS'] ?? 12);
const modelPath = writeBenchmarkModel(folder, { layers, contextLength: 8192 });

type Engine = ReturnType<typeof createThreadEngine>;
let requests = 0;

/** Greedy, and always the same letter: each token is a text, and is sent at once. */
function request(promptTokens: number, maxTokens: number): GenerateRequest {
  requests++;
  return {
    id: String(requests),
    prompt: { kind: 'tokens', tokens: promptOf(promptTokens, requests) },
    choices: 1,
    sampling: { ...defaultSampling, temperature: 0, logitBias: [[letter, 100]] },
    stop: { ...defaultStop, ignoreEos: true, maxTokens },
    cache: { ...defaultCacheUse, use: false },
  };
}

/** When each token of a request came, up to the one at which it is to end, milliseconds. */
async function tokenTimes(
  engine: Engine,
  asked: GenerateRequest,
  onToken?: (count: number) => boolean,
): Promise<number[]> {
  const times: number[] = [];
  for await (const update of engine.generate(asked)) {
    if (update.kind !== 'choice' || update.completionTokens <= times.length) continue;
    if (update.completionTokens > times.length + 1) throw new Error('tokens came together');
    times.push(performance.now());
    if (onToken?.(times.length) === true) break;
  }
  return times;
}

interface Intrusion {
  /** Time to the first token of the long prompt, milliseconds. */
  readonly firstToken: number;
  /** The longest time from a stream's token to its next while the prompt was computed, milliseconds. */
  readonly worstGap: number;
  /** The same before it came. */
  readonly usualGap: number;
}

async function intrude(engine: Engine): Promise<Intrusion> {
  let begun = 0;
  let done = false;
  let start = (): void => {};
  const allBegun = new Promise<void>((resolve) => (start = resolve));
  const running = Array.from({ length: streams }, async () =>
    tokenTimes(engine, request(32, 2000), (count) => {
      if (count === 12 && ++begun === streams) start();
      return done;
    }),
  );
  await allBegun;
  const came = performance.now();
  const [first = NaN] = await tokenTimes(engine, request(longPrompt, 1));
  done = true;
  const times = await Promise.all(running);
  const gaps = times.flatMap((all) =>
    all.slice(1).map((time, index) => [time, time - (all[index] ?? NaN)] as const),
  );
  const longest = (from: number, to: number): number =>
    Math.max(...gaps.map(([at, gap]) => (at > from && at - gap < to ? gap : 0)));
  const settled = Math.max(...times.map((all) => all[2] ?? Infinity));
  return { firstToken: first - came, worstGap: longest(came, first), usualGap: longest(settled, came) };
}

/** Chats of short prompts, several at a time: prompt tokens and generated tokens a second, all together. */
async function throughput(engine: Engine): Promise<number> {
  const started = performance.now();
  let left = chats.count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await tokenTimes(engine, request(chats.promptTokens, chats.generatedTokens));
  };
  await Promise.all(Array.from({ length: chats.atOnce }, worker));
  return (
    (chats.count * (chats.promptTokens + chats.generatedTokens)) / ((performance.now() - started) / 1000)
  );
}

const sides = new Map<string, { engine: Engine; intrusions: Intrusion[]; speeds: number[] }>();
for (const [name, interTokenTarget] of [
  ['adaptive', target],
  ['unbounded', 0],
] as const) {
  const engine = createThreadEngine(name);
  await engine.load({ modelPath, contextSize: 8192, slots: 4, batchSize, threads, interTokenTarget });
  sides.set(name, { engine, intrusions: [], speeds: [] });
}
const [{ engine: anyEngine } = { engine: undefined }] = sides.values();
const [letter = 0] = (await anyEngine?.tokenize('a', { addSpecial: false, parseSpecial: false })) ?? [];
for (const { engine } of sides.values()) {
  await throughput(engine); // warm-up
  await intrude(engine);
}
for (let round = 0; round < rounds; round++) {
  const order = [...sides.values()];
  if (round % 2 === 1) order.reverse();
  for (const { engine, intrusions } of order)
    intrusions.push(await whenQuiet([], async () => intrude(engine)));
  for (const { engine, speeds } of order) speeds.push(await whenQuiet([], async () => throughput(engine)));
  process.stderr.write(`\rround ${round + 1} of ${rounds} `);
}
process.stderr.write('\n');

console.log(
  `${streams} streams, a prompt of ${longPrompt} tokens among them; target ${target} ms, ${threads} threads; median (least to greatest) of ${rounds} rounds`,
);
console.log(
  '| steps | usual gap, ms | worst gap, ms | TTFT of the long prompt, s | TTFT / unbounded | chats, tokens/s | tokens/s / unbounded |',
);
console.log('|---|---|---|---|---|---|---|');
const base = sides.get('unbounded');
for (const [name, { intrusions, speeds }] of sides) {
  const waits = intrusions.map(({ firstToken }) => firstToken / 1000);
  const cells = [
    name === 'adaptive' ? `cut to ${target} ms` : `${batchSize} rows`,
    spread(
      intrusions.map(({ usualGap }) => usualGap),
      0,
    ),
    spread(
      intrusions.map(({ worstGap }) => worstGap),
      0,
    ),
    spread(waits, 2),
    spread(
      waits.map((wait, round) => (wait * 1000) / (base?.intrusions[round]?.firstToken ?? NaN)),
      3,
    ),
    spread(speeds, 1),
    spread(
      speeds.map((speed, round) => speed / (base?.speeds[round] ?? NaN)),
      3,
    ),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
const gaps = sides.get('adaptive')?.intrusions.map(({ worstGap }) => worstGap) ?? [];
console.log(`worst gap / target: ${(median(gaps) / target).toFixed(2)}`);
console.log(`${kept.disturbed} of ${kept.all} measurements were disturbed by others`);
for (const { engine } of sides.values()) await engine.close();

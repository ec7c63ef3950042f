/*
 * More and more streams over one server with three models, each in a process of its own, through HTTP: the time for all of
 * them must grow no faster than their number.
 */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeBenchmarkModel, writeFixture } from '../../dist/testing/gguf/fixtures.js';
import { kept, whenQuiet } from './quiet.js';
import { ServedModels } from './served-models.js';
import { median, percentile, spread } from './statistics.js';
import { promptOf } from './workload.js';

const rounds = Number(process.env['ROUNDS'] ?? 5);
/** Compute threads over all models; fewer than there are cores on a machine that is not quiet. */
const threads = Number(process.env['THREADS'] ?? availableParallelism());
const ramp = [3, 6, 9, 12];
const [base = 1] = ramp;
const promptTokens = 64;
const generatedTokens = 128;

const folder = join(tmpdir(), 'heddle-bench');
mkdirSync(folder, { recursive: true });
const files = [
  fileURLToPath(new URL('../../models/starter/starter.gguf', import.meta.url)),
  writeFixture('llama', folder),
  writeBenchmarkModel(folder, { layers: 4, vocabularySize: 512, contextLength: 8192 }),
];
const models = files.map((file) => basename(file, '.gguf'));

interface Measured {
  /** From the first request to the end of the last stream, milliseconds. */
  readonly duration: number;
  /** Time to first token of each stream, milliseconds. */
  readonly firstTokens: readonly number[];
}

let seed = 0;

/** So many streams begin together, spread evenly over the models. */
async function measure(server: ServedModels, streams: number): Promise<Measured> {
  const started = performance.now();
  const firstTokens = await Promise.all(
    Array.from({ length: streams }, async (_, index) =>
      server.stream({
        model: models[index % models.length] ?? '',
        prompt: promptOf(promptTokens, ++seed),
        maxTokens: generatedTokens,
      }),
    ),
  );
  return { duration: performance.now() - started, firstTokens };
}

async function compare(server: ServedModels): Promise<void> {
  const measured = new Map<number, Measured[]>(ramp.map((streams) => [streams, []]));
  for (let round = 0; round < rounds; round++) {
    for (const streams of ramp) {
      const processes = await server.processes();
      measured.get(streams)?.push(await whenQuiet(processes, async () => measure(server, streams)));
    }
    process.stderr.write(`\rround ${round + 1} of ${rounds} `);
  }
  process.stderr.write('\n');
  const durations = (streams: number): number[] =>
    measured.get(streams)?.map(({ duration }) => duration) ?? [];
  console.log(
    `${models.join(', ')}; prompts of ${promptTokens} and ${generatedTokens} generated tokens, --threads ${threads}, ${availableParallelism()} cores, ${rounds} rounds`,
  );
  console.log(
    '| streams | time for all, s | tokens/s | TTFT p50, ms | TTFT p95, ms | time / linear growth from the first line |',
  );
  console.log('|---|---|---|---|---|---|');
  for (const streams of ramp) {
    const seconds = durations(streams).map((duration) => duration / 1000);
    const speed = (streams * generatedTokens) / median(seconds);
    const firstTokens = measured.get(streams)?.flatMap((one) => one.firstTokens) ?? [];
    const growth = durations(streams).map(
      (duration, round) => duration / ((durations(base)[round] ?? NaN) * (streams / base)),
    );
    const cells = [
      streams,
      spread(seconds, 2),
      speed.toFixed(0),
      percentile(firstTokens, 0.5).toFixed(0),
      percentile(firstTokens, 0.95).toFixed(0),
      spread(growth, 2),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  console.log(`${kept.disturbed} of ${kept.all} measurements were disturbed by others`);
}

const served = await mkdtemp(join(tmpdir(), 'heddle-ramp-'));
try {
  for (const file of files) symlinkSync(file, join(served, basename(file)));
  const server = await ServedModels.start('--model-dir', served, '--threads', String(threads));
  try {
    for (const model of models) await server.stream({ model, prompt: promptOf(8, ++seed), maxTokens: 8 });
    await measure(server, base); // warm-up
    await compare(server);
  } finally {
    await server.stop();
  }
} finally {
  rmSync(served, { recursive: true });
}

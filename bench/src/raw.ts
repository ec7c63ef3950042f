/*
 * Raw speed of one sequence: heddle against node-llama-cpp on the same model, threads and machine. Both run in turn, each
 * time in a process of their own, so that what else the machine does meets both alike. What counts is the ratio.
 */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { writeBenchmarkModel } from '../../dist/testing/gguf/fixtures.js';
import { median, spread } from './statistics.js';
import type { Speeds, Workload } from './workload.js';

const rounds = Number(process.env['ROUNDS'] ?? 7);
const starter = fileURLToPath(new URL('../../models/starter/starter.gguf', import.meta.url));

async function measure(side: string, workload: Workload): Promise<Speeds> {
  const script = fileURLToPath(new URL(`${side}.js`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(workload)]);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Speeds;
}

async function compare(name: string, workload: Workload): Promise<void> {
  const ours: Speeds[] = [];
  const theirs: Speeds[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(await measure('raw-heddle', workload));
    theirs.push(await measure('raw-node-llama-cpp', workload));
    process.stderr.write(`\r${name}: round ${round + 1} of ${rounds} `);
  }
  process.stderr.write('\n');
  console.log(
    `${name}, ${workload.threads} threads, tokens/s: median (least to greatest) of ${rounds} rounds`,
  );
  for (const what of ['prefill', 'decode'] as const) {
    const [a, b] = [ours.map((speeds) => speeds[what]), theirs.map((speeds) => speeds[what])];
    const tokens = what === 'prefill' ? workload.promptTokens : workload.generatedTokens;
    const ratio = (median(a) / median(b)).toFixed(3);
    console.log(`  ${what} of ${tokens}: heddle ${spread(a)}, node-llama-cpp ${spread(b)}, ratio ${ratio}`);
  }
}

const folder = join(tmpdir(), 'heddle-bench');
mkdirSync(folder, { recursive: true });
const large = writeBenchmarkModel(folder);
for (const threads of new Set([1, availableParallelism()])) {
  await compare('starter (5 M parameters)', {
    modelPath: starter,
    threads,
    promptTokens: 1500,
    generatedTokens: 400,
  });
  await compare('random weights, shape of Qwen3-0.6B, Q8_0', {
    modelPath: large,
    threads,
    promptTokens: 512,
    generatedTokens: 64,
  });
}

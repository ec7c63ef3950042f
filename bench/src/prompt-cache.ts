/*
 * What the prompt cache is worth: `heddle bench` against one `heddle serve`, without the cache and with it, in turn in
 * one run. A model of Qwen3-0.6B's shape with random weights, on which only the times mean anything.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeBenchmarkModel } from '../../dist/testing/gguf/fixtures.js';

const rounds = Number(process.env['ROUNDS'] ?? 1);
const workloads = (process.env['WORKLOADS'] ?? 'agent,fan-out').split(',');
const sizes = ['--sessions', '12', '--turns', '3', '--concurrency', '4', '--system-tokens', '512'];
sizes.push('--prompt-tokens', '128', '--output-tokens', '32', '--long-tokens', '2048');

const folder = join(tmpdir(), 'heddle-bench', 'prompt-cache');
mkdirSync(folder, { recursive: true });
const layers = Number(process.env['LAYERS'] ?? 28);
const modelPath = writeBenchmarkModel(folder, { layers });
const heddle = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

async function serve(): Promise<{ server: ChildProcess; url: string }> {
  const args = ['serve', '--port', '0', '--model-dir', dirname(modelPath), '--ctx', '16384'];
  const server = spawn(process.execPath, [heddle, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    server.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = /is listening on (http:\S+)/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    server.once('exit', () => reject(new Error(`the server did not start:\n${text}`)));
  });
  return { server, url };
}

async function measure(url: string, workload: string, cached: boolean): Promise<void> {
  console.log(`\n### ${workload}, ${cached ? 'with' : 'without'} the cache\n`);
  const args = ['bench', '--url', url, '--model', basename(modelPath, '.gguf'), '--workload', workload];
  const body = JSON.stringify({ cache_prompt: cached });
  const bench = spawn(process.execPath, [heddle, ...args, ...sizes, '--rounds', '1', '--body', body], {
    stdio: ['ignore', 'inherit', 'ignore'],
  });
  await once(bench, 'exit');
}

const { server, url } = await serve();
try {
  for (let round = 0; round < rounds; round++) {
    for (const workload of workloads)
      for (const cached of round % 2 === 0 ? [false, true] : [true, false])
        await measure(url, workload, cached);
  }
} finally {
  server.kill();
  await once(server, 'exit');
}

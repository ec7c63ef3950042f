/*
 * What the prompt cache is worth: `heddle bench` against one `heddle serve`, without the cache and with it, and against
 * node-llama-cpp, in turn in one run; then heddle again after a SIGKILL, and after the model was unloaded. A model of
 * Qwen3-0.6B's shape with random weights, on which only the times mean anything.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeBenchmarkModel } from '../../dist/testing/gguf/fixtures.js';

const rounds = Number(process.env['ROUNDS'] ?? 1);
const workloads = (process.env['WORKLOADS'] ?? 'agent,fan-out,restart,swap').split(',');
const layers = Number(process.env['LAYERS'] ?? 28);
const longTokens = Number(process.env['PROMPT'] ?? 2048);
const sizes = ['--sessions', '12', '--turns', '3', '--concurrency', '4', '--system-tokens', '512'];
sizes.push('--prompt-tokens', '128', '--output-tokens', '32', '--long-tokens', String(longTokens));

const folder = join(tmpdir(), 'heddle-bench', 'prompt-cache');
mkdirSync(folder, { recursive: true });
const modelPath = writeBenchmarkModel(folder, { layers });
const model = basename(modelPath, '.gguf');
const cacheFolder = mkdtempSync(join(tmpdir(), 'heddle-bench-cache-'));
const ours = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const heddle = ours('../../dist/cli/main.js');

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
}

async function start(script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = /is listening on (http:\S+)/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', () => reject(new Error(`the server did not start:\n${text}`)));
  });
  return { child, url };
}

async function serve(port = '0', ...more: readonly string[]): Promise<Server> {
  const options = ['--model-dir', dirname(modelPath), '--ctx', '16384', ...more];
  return start(heddle, ['serve', '--port', port, ...options]);
}

async function stop({ child }: Server, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

async function measure(title: string, workload: string, url: string, ...args: readonly string[]) {
  console.log(`\n### ${workload}, ${title}\n`);
  const options = ['bench', '--url', url, '--workload', workload, ...sizes, '--rounds', '1', ...args];
  const bench = spawn(process.execPath, [heddle, ...options], { stdio: ['ignore', 'inherit', 'ignore'] });
  const [status] = (await once(bench, 'exit')) as [number | null];
  if (status !== 0) console.log(`(ended with ${status})`);
}

/** Does something when a command is run: `heddle bench` restarts servers by commands. */
async function onCommand(act: () => Promise<unknown>): Promise<{ command: string; close: () => void }> {
  const server = createServer((_, response) => {
    act().then(
      () => response.end('done'),
      (error: unknown) => response.destroy(error as Error),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const script = `fetch('${url}').then((answer) => answer.text()).catch(() => process.exit(1))`;
  return { command: `"${process.execPath}" -e "${script}"`, close: () => server.close() };
}

/** Turns of one round: each begins with another side. */
async function compare(round: number, names: readonly string[]): Promise<void> {
  const shared = await serve();
  const peerEnvironment = { MODEL: modelPath, CONTEXT: '4096', SEQUENCES: '4' };
  const peer = await start(ours('./peer-server.js'), [], peerEnvironment);
  const without = JSON.stringify({ cache_prompt: false });
  const sides = [
    async (name: string) =>
      measure('without the cache', name, shared.url, '--model', model, '--body', without),
    async (name: string) => measure('with the cache', name, shared.url, '--model', model),
    async (name: string) => measure('node-llama-cpp', name, peer.url),
  ];
  try {
    for (const name of names)
      for (let place = 0; place < sides.length; place++) await sides[(place + round) % sides.length]?.(name);
  } finally {
    await Promise.all([stop(shared), stop(peer)]);
  }
}

/** The same prompts before and after a server was killed, on the same folder. */
async function restart(): Promise<void> {
  let server = await serve('0', '--cache-dir', cacheFolder);
  const { url } = server;
  const { command, close } = await onCommand(async () => {
    await stop(server, 'SIGKILL');
    server = await serve(new URL(url).port, '--cache-dir', cacheFolder);
  });
  await measure('killed and started again', 'restart', url, '--restart-command', command);
  close();
  await stop(server);
}

/** The same prompts before and after the model made room for another. */
async function swap(): Promise<void> {
  const server = await serve('0', '--cache-dir', cacheFolder);
  const { command, close } = await onCommand(async () => {
    const answer = await fetch(`${server.url}/v1/models/${model}/unload`, { method: 'POST' });
    if (!answer.ok) throw new Error(await answer.text());
  });
  await measure('unloaded and loaded again', 'restart', server.url, '--restart-command', command);
  close();
  await stop(server);
}

try {
  const compared = workloads.filter((name) => name !== 'restart' && name !== 'swap');
  for (let round = 0; round < rounds; round++) {
    if (compared.length > 0) await compare(round, compared);
    if (workloads.includes('restart')) await restart();
    if (workloads.includes('swap')) await swap();
  }
} finally {
  rmSync(cacheFolder, { recursive: true, force: true });
}

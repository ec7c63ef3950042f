import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { heddle } from './heddle-command.js';
import { ServerProcess } from './server-process.js';

let folder: string;
let server: ServerProcess;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-prompts-'));
});

afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const cacheFolder = (): string => join(folder, 'cache');

async function start(...args: string[]): Promise<void> {
  server = await ServerProcess.start(
    '--cache-dir',
    cacheFolder(),
    '--ctx',
    '2048',
    '--threads',
    '1',
    ...args,
  );
}

interface Answer {
  readonly text: string;
  readonly prompt: number;
  readonly cached: number;
}

const story = 'Once there was a small cat who liked to sit in the sun and look at the birds. '.repeat(12);

async function ask(): Promise<Answer> {
  const response = await fetch(`${server.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'starter',
      prompt: story,
      max_tokens: 24,
      temperature: 0,
      ignore_eos: true,
    }),
  });
  expect(response.status).toBe(200);
  const { choices, usage } = (await response.json()) as {
    choices: { text: string }[];
    usage: { prompt_tokens: number; prompt_tokens_details: { cached_tokens: number } };
  };
  return {
    text: choices[0]?.text ?? '',
    prompt: usage.prompt_tokens,
    cached: usage.prompt_tokens_details.cached_tokens,
  };
}

/** Of a prompt, the tokens that are in whole blocks, without its last token. */
const inBlocks = (prompt: number): number => Math.floor((prompt - 1) / 64) * 64;

interface Disk {
  readonly queued: { readonly blocks: number };
  readonly directory: { readonly files: number; readonly faults: Readonly<Record<string, number>> } | null;
}

/** Waits until all that was saved is on disk. */
async function written(files: number): Promise<void> {
  for (;;) {
    const { models } = (await (await fetch(`${server.url}/admin/cache`)).json()) as {
      models: { disk: Disk | null }[];
    };
    const disk = models[0]?.disk;
    if (disk?.queued.blocks === 0 && (disk.directory?.files ?? 0) >= files) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** All files of blocks. */
function blockFiles(): string[] {
  return readdirSync(join(cacheFolder(), 'v1', 'blocks'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.kv'))
    .map((name) => join(cacheFolder(), 'v1', 'blocks', name));
}

describe('prompts on disk', () => {
  it('outlive a server that is killed, and a model that is unloaded', async () => {
    await start();
    const first = await ask();
    expect(first.cached).toBe(0);
    expect(inBlocks(first.prompt)).toBeGreaterThanOrEqual(128);
    const again = await ask();
    expect(again).toEqual({ ...first, cached: first.prompt - 1 });
    await written(inBlocks(first.prompt) / 64);

    server.signal('SIGKILL');
    await server.exited();
    await start();
    const restarted = await ask();
    expect(restarted).toEqual({ ...first, cached: inBlocks(first.prompt) });

    expect((await heddle('unload', 'starter', '--url', server.url)).code).toBe(0);
    expect(await ask()).toEqual({ ...first, cached: inBlocks(first.prompt) });
  });

  it('are for the server alone to read', async () => {
    await start();
    const { prompt } = await ask();
    await written(inBlocks(prompt) / 64);
    const mode = (path: string): number => statSync(path).mode & 0o777;
    const entries = readdirSync(cacheFolder(), { recursive: true, encoding: 'utf8' });
    expect(mode(cacheFolder())).toBe(0o700);
    for (const entry of entries) {
      const path = join(cacheFolder(), entry);
      expect([entry, mode(path)]).toEqual([entry, statSync(path).isDirectory() ? 0o700 : 0o600]);
    }
    expect(blockFiles().length).toBeGreaterThan(0);
  });

  it('that are damaged cost time and no wrong token, and are counted for the operator to see', async () => {
    await start();
    const first = await ask();
    await written(inBlocks(first.prompt) / 64);
    server.signal('SIGKILL');
    await server.exited();
    const files = blockFiles();
    for (const file of files) {
      const bytes = readFileSync(file);
      const at = Math.floor(bytes.length / 2);
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      writeFileSync(file, bytes);
    }
    await start();
    expect(await ask()).toEqual({ ...first, cached: 0 });
    const { stdout } = await heddle('cache', 'stats', '--url', server.url);
    expect(stdout).toMatch(
      /^MODEL +TIER +HOLDS +USES +HITS\nstarter +KV cache +1 sequences +\d+ of 2048 cells\n/,
    );
    expect(stdout).toMatch(/ RAM +\d+ blocks +[\d.]+ \w+ of [\d.]+ \w+ +0\n/);
    expect(stdout).toMatch(/ disk +\d+ files +[\d.]+ \w+ of 16\.0 GiB +0 +.*1 faults \(payload-checksum 1\)/);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toContain(
      'heddle_prompt_cache_faults_total{model_name="starter",kind="payload-checksum"} 1\n',
    );
    // The first was set aside when it was wanted, and the others are now.
    const verified = await heddle('cache', 'verify', '--model', 'starter', '--url', server.url);
    expect(verified.stdout).toMatch(/^starter: read \d+ files, [\d.]+ \w+; \d+ were bad and set aside\.\n$/);
    expect(verified.stdout).toContain(`; ${files.length - 1} were bad`);
    server.signal('SIGKILL');
    await server.exited();
    await start();
    const answer = await ask();
    expect(answer.text).toBe(first.text);
  });

  it('are gone when the operator wants them to be, and are computed again', async () => {
    await start();
    const first = await ask();
    await written(inBlocks(first.prompt) / 64);
    const { code, stdout } = await heddle('cache', 'clear', '--url', server.url);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^starter: removed 1 sequences, [1-9]\d* blocks in RAM and [1-9]\d* files\.\n$/);
    expect(blockFiles()).toEqual([]);
    expect((await heddle('cache', 'stats', '--url', server.url)).stdout).toMatch(
      /starter +KV cache +0 sequences +0 of 2048 cells\n +RAM +0 blocks .+\n +disk +0 files /,
    );
    expect(await ask()).toEqual(first);
  });
});

describe('heddle cache', () => {
  it('says so when no model is loaded, or none is there of that name', async () => {
    await start();
    const url = ['--url', server.url];
    for (const what of ['stats', 'clear', 'verify'])
      expect(await heddle('cache', what, ...url)).toMatchObject({ code: 0, stdout: 'No model is loaded.\n' });
    expect((await heddle('cache', 'stats', '--model', 'starter', ...url)).stdout).toBe(
      'starter is not loaded.\n',
    );
    const unknown = await heddle('cache', 'clear', '--model', 'nope', ...url);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('(model_not_found)');
  });
});

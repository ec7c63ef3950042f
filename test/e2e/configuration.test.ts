import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServerProcess } from './server-process.js';

const run = promisify(execFile);
const starter = join(process.cwd(), 'models', 'starter', 'starter.gguf');

let folder: string;
let file: string;
let server: ServerProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-configuration-'));
  file = join(folder, 'heddle.yaml');
  addModel('models', 'one');
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  rmSync(folder, { recursive: true });
});

function addModel(directory: string, id: string): void {
  mkdirSync(join(folder, directory), { recursive: true });
  copyFileSync(starter, join(folder, directory, `${id}.gguf`));
}

async function start(...args: string[]): Promise<{ server: ServerProcess; client: OpenAI }> {
  server = await ServerProcess.start('--config', file, ...args);
  return { server, client: new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 }) };
}

/** Resolves when the server has printed this so many times; standard output and standard error may come in either order. */
async function printed(process: ServerProcess, text: string, times = 1): Promise<void> {
  while (process.output.split(text).length <= times) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** What the log on standard error says, with its level; other lines are left out. */
function logOf({ output }: ServerProcess): { level: number; msg: string }[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { level: number; msg: string });
}

async function ids(client: OpenAI): Promise<string[]> {
  return (await client.models.list()).data.map(({ id }) => id);
}

async function processOf({ url }: ServerProcess, model: string): Promise<number | null | undefined> {
  const response = await fetch(`${url}/admin/engines`);
  const { engines } = (await response.json()) as { engines: { id: string; process_id?: number | null }[] };
  return engines.find(({ id }) => id === model)?.process_id;
}

const endless = {
  messages: [{ role: 'user' as const, content: 'Tell me a story about Ben and a cat.' }],
  stream: true as const,
  ignore_eos: true,
};

describe('heddle serve --config', () => {
  it('serves as the file says: folders, context, aliases, isolation, preload', async () => {
    addModel('models', 'two');
    writeFileSync(
      file,
      `
model_dirs: [models]
defaults: { context: 1024 }
models:
  one: { aliases: [gpt-4o], preload: true, isolation: thread, context: 512 }
  two: { preload: true }
`,
    );
    const { server: running, client } = await start();
    await printed(running, 'loaded two');
    expect(running.output).toMatch(/loaded one .*context 512/);
    expect(running.output).toMatch(/loaded two .*context 1024/);
    expect(await ids(client)).toEqual(['one', 'two', 'gpt-4o']);
    expect(await processOf(running, 'one')).toBeNull();
    expect(await processOf(running, 'two')).toEqual(expect.any(Number));
    const completion = await client.completions.create({ model: 'gpt-4o', prompt: 'A', max_tokens: 1 });
    expect(completion.model).toBe('gpt-4o');
    const metrics = await (await fetch(`${running.url}/metrics`)).text();
    expect(metrics).toContain('model_name="one"');
    expect(metrics).not.toContain('gpt-4o');
  });

  it('lets options go before the file', async () => {
    writeFileSync(file, 'model_dirs: [models]\ndefaults: { context: 1024 }\nhost: 203.0.113.1\n');
    const { server: running, client } = await start('--host', '127.0.0.1', '--ctx', '512');
    await client.completions.create({ model: 'one', prompt: 'A', max_tokens: 1 });
    expect(running.output).toMatch(/loaded one .*context 512/);
  });

  it('finds the file in HEDDLE_CONFIG too', async () => {
    writeFileSync(file, 'model_dirs: [models]\n');
    process.env['HEDDLE_CONFIG'] = file;
    try {
      server = await ServerProcess.start();
    } finally {
      delete process.env['HEDDLE_CONFIG'];
    }
    expect(server.output).toContain('models: one (');
  });

  it('does not start with a file that has errors, and names all of them', async () => {
    writeFileSync(file, 'prot: 1\ngrace: 5\n');
    await expect(start()).rejects.toThrow(
      `ended with 1:\nheddle: The configuration file ${file} has 2 errors:\n` +
        `  ${file}:1:1: prot is no key; did you mean "port"?\n` +
        `  ${file}:2:8: grace must have a unit: 5s, 5m or 5ms (config_invalid)\n`,
    );
  });

  it('starts all the same when a model can not be preloaded or is not there, and says so', async () => {
    writeFileSync(join(folder, 'models', 'broken.gguf'), 'no model');
    writeFileSync(
      file,
      'model_dirs: [models]\nmodels: { broken: { preload: true }, one: { preload: true }, gone: { aliases: [x] } }\n',
    );
    const { server: running } = await start();
    await printed(running, 'loaded one');
    await printed(running, 'The model broken could not be loaded');
    expect(logOf(running).map(({ msg }) => msg)).toEqual([
      'The configuration names the model gone, which is in none of the model folders; requests for x will not find it either.',
      expect.stringContaining('The model broken could not be loaded at the start') as string,
    ]);
  });
});

describe('SIGHUP', () => {
  it('reads the file again; a running stream does not notice', async () => {
    addModel('others', 'three');
    writeFileSync(file, 'model_dirs: [models]\ndefaults: { context: 65536 }\n');
    const { server: running, client } = await start();
    const stream = await client.chat.completions.create({ ...endless, model: 'one' });
    const engine = await processOf(running, 'one');
    writeFileSync(
      file,
      'model_dirs: [models, others]\nmodels: { one: { context: 512 }, three: { aliases: [new] } }\n',
    );
    let listed: string[] = [];
    let piecesAfter = -1;
    const reload = async (): Promise<void> => {
      running.signal('SIGHUP');
      await printed(running, `read ${file} again`);
      listed = await ids(client);
      await client.completions.create({ model: 'new', prompt: 'A', max_tokens: 1 });
      piecesAfter = 0;
    };
    let reloaded: Promise<void> | undefined;
    for await (const { choices } of stream) {
      expect(choices[0]?.finish_reason).toBeNull();
      reloaded ??= reload();
      if (piecesAfter >= 0 && ++piecesAfter > 50) break;
    }
    await reloaded;
    expect(piecesAfter).toBe(51);
    expect(listed).toEqual(['one', 'three', 'new']);
    expect(await processOf(running, 'one')).toBe(engine);
    await fetch(`${running.url}/v1/models/one/unload`, { method: 'POST' });
    await client.completions.create({ model: 'one', prompt: 'A', max_tokens: 1 });
    expect(running.output).toMatch(/loaded one .*context 512/);
  });

  it('with errors in the file leaves everything as it was, and the log says where they are', async () => {
    writeFileSync(file, 'model_dirs: [models]\nmodels: { one: { aliases: [x] } }\n');
    const { server: running, client } = await start();
    writeFileSync(file, 'model_dirs: [nowhere]\nmodels: { one: { aliases: [y] } }\ngrace: 5\n');
    running.signal('SIGHUP');
    await printed(running, 'The settings stay as they are');
    expect(await ids(client)).toEqual(['one', 'x']);
    const [entry] = logOf(running);
    expect(entry?.level).toBe(50);
    expect(entry?.msg).toContain(`${file}:1:14: model_dirs[0] there is no folder`);
    expect(entry?.msg).toContain(`${file}:3:8: grace must have a unit`);
  });

  it('names what only a new start can change', async () => {
    writeFileSync(file, 'model_dirs: [models]\n');
    const { server: running } = await start();
    writeFileSync(file, 'model_dirs: [models]\nisolation: thread\nhost: 203.0.113.1\nthreads: 1\n');
    running.signal('SIGHUP');
    await printed(running, `read ${file} again`);
    await printed(running, 'need a new start');
    expect(logOf(running).map(({ msg }) => msg)).toEqual([
      'Changes of host, isolation, threads need a new start of the server.',
    ]);
    expect((await fetch(`${running.url}/health`)).status).toBe(200);
  });

  it('many times in a row, also to engines, harms nothing', async () => {
    writeFileSync(file, 'model_dirs: [models]\n');
    const { server: running, client } = await start();
    await client.completions.create({ model: 'one', prompt: 'A', max_tokens: 1 });
    const engine = await processOf(running, 'one');
    for (let count = 1; count <= 5; count++) {
      running.signal('SIGHUP');
      process.kill(engine ?? NaN, 'SIGHUP');
      await printed(running, `read ${file} again`, count);
    }
    await client.completions.create({ model: 'one', prompt: 'A', max_tokens: 1 });
    expect(await processOf(running, 'one')).toBe(engine);
    expect(await running.stop()).toBe(0);
  });
});

describe('heddle config check', () => {
  const main = join(process.cwd(), 'dist', 'cli', 'main.js');

  async function check(): Promise<{ code: number; stdout: string; stderr: string }> {
    try {
      return { code: 0, ...(await run(process.execPath, [main, 'config', 'check', file])) };
    } catch (error) {
      return error as { code: number; stdout: string; stderr: string };
    }
  }

  it('shows the settings that the file makes, and ends with 0', async () => {
    writeFileSync(file, 'model_dirs: [models]\nmemory: 24GiB\nmodels: { one: { pinned: true }, gone: }\n');
    const { code, stdout, stderr } = await check();
    expect(code).toBe(0);
    expect(stdout).toContain(`model_dirs:\n  - ${join(folder, 'models')}\n`);
    expect(stdout).toContain('memory: 24GiB\n');
    expect(stdout).toMatch(/models:\n {2}one:\n {4}context: 0\n(.*\n)* {4}pinned: true\n/);
    expect(stderr).toBe(
      'warning: The configuration names the model gone, which is in none of the model folders.\n',
    );
    writeFileSync(file, stdout);
    expect((await check()).stdout).toBe(stdout);
  });

  it('names every error with its line, and ends with 1', async () => {
    writeFileSync(file, 'models:\n  one: { idle_timout: 5m }\nport: -1\n');
    expect(await check()).toMatchObject({
      code: 1,
      stdout: '',
      stderr: [
        `heddle: The configuration file ${file} has 2 errors:`,
        `  ${file}:2:10: models.one.idle_timout is no key; did you mean "idle_timeout"?`,
        `  ${file}:3:7: port must be at least 0, not -1 (config_invalid)`,
        '',
      ].join('\n'),
    });
  });
});

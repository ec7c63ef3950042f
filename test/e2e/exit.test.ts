import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { childrenOf, gone, isRunning } from './processes.js';
import { ServerProcess } from './server-process.js';

const thrower = join(process.cwd(), 'test', 'e2e', 'throw-on-signal.mjs');

/** What a process says that the native library, or Node, has ended. */
const abortMessage = /GGML_ASSERT|ggml_abort|terminate called|core dumped|Segmentation|FATAL ERROR|koffi/i;

const endless = (model: string) => ({
  model,
  prompt: 'Once upon a time',
  stream: true as const,
  temperature: 0,
  ignore_eos: true,
});

/** How a stream went on to its end: the code of its error, or `undefined` when it was cut off without one. */
async function endOf(stream: AsyncIterable<unknown>): Promise<unknown> {
  try {
    for await (const _ of stream);
    return 'complete';
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

/** Two models loaded; three streams of each are running. */
async function underWay(url: string): Promise<{ ends: Promise<unknown[]> }> {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
  const models = ['starter', 'starter-draft'];
  const streams = await Promise.all(
    [...models, ...models, ...models].map(async (model) => client.completions.create(endless(model))),
  );
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  for (const iterator of iterators) await iterator.next();
  const rest = iterators.map(async (iterator) => endOf({ [Symbol.asyncIterator]: () => iterator }));
  return { ends: Promise.all(rest) };
}

const options = ['--threads', '1', '--ctx', '16384'];

describe.each(['process', 'thread'] as const)('a server with --isolation %s', (isolation) => {
  const start = async (...args: string[]): Promise<ServerProcess> =>
    ServerProcess.startIn(['--import', thrower], '--isolation', isolation, ...options, ...args);

  it.each([
    { name: 'SIGTERM', signal: 'SIGTERM', grace: '0', code: 0 },
    { name: 'SIGINT', signal: 'SIGINT', grace: '0', code: 0 },
    { name: 'an error that nobody caught', signal: 'SIGUSR2', grace: '600', code: 1 },
    { name: 'a rejected promise that nobody handled', signal: 'SIGHUP', grace: '600', code: 1 },
  ] as const)(
    'on $name ends running streams with an error event, then its engines, then itself with $code',
    async (how) => {
      const server = await start('--grace', how.grace);
      const { ends } = await underWay(server.url);
      const engines = childrenOf(server.processId);
      expect(engines).toHaveLength(isolation === 'process' && process.platform === 'linux' ? 2 : 0);
      server.signal(how.signal);
      expect(new Set(await ends)).toEqual(new Set(['model_unloading']));
      expect(await server.exited()).toBe(how.code);
      expect(engines.filter(isRunning)).toEqual([]);
      expect(server.output).not.toMatch(abortMessage);
      expect(server.output).toContain('unloaded starter\n');
      expect(server.output).toContain('unloaded starter-draft\n');
    },
  );

  it.each([
    { name: 'SIGTERM', signal: 'SIGTERM', code: 0 },
    { name: 'an error that nobody caught', signal: 'SIGUSR2', code: 1 },
  ] as const)('on $name with idle models unloads them and ends with $code', async ({ signal, code }) => {
    const server = await start();
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
    for (const model of ['starter', 'starter-draft'])
      await client.completions.create({ model, prompt: 'A', max_tokens: 1 });
    const engines = childrenOf(server.processId);
    server.signal(signal);
    expect(await server.exited()).toBe(code);
    expect(engines.filter(isRunning)).toEqual([]);
    expect(server.output).not.toMatch(abortMessage);
    expect(server.output).toContain('unloaded starter\n');
    expect(server.output).toContain('unloaded starter-draft\n');
  });

  it('logs the error that ended it with its stack, at any log level', async () => {
    for (const [signal, message, origin] of [
      ['SIGUSR2', 'thrown by a test', 'uncaughtException'],
      ['SIGHUP', 'rejected by a test', 'unhandledRejection'],
    ] as const) {
      const server = await start('--log-level', 'silent');
      server.signal(signal);
      expect(await server.exited()).toBe(1);
      const line = server.output.split('\n').find((text) => text.startsWith('{'));
      expect(JSON.parse(line ?? '')).toMatchObject({
        level: 60,
        origin,
        err: { message, stack: expect.stringContaining('throw-on-signal.mjs:') as string },
      });
    }
  });

  it('ends in the same way when nobody reads its output', async () => {
    const server = await start();
    await underWay(server.url);
    const engines = childrenOf(server.processId);
    server.closeOutput();
    server.signal('SIGUSR2');
    expect(await server.exited()).toBe(1);
    expect(engines.filter(isRunning)).toEqual([]);
  });

  it('that is stopping already ends with 1 when an error comes that nobody caught', async () => {
    const server = await start('--grace', '600');
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const stream = await client.completions.create({ ...endless('starter'), max_tokens: 300 });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    server.signal('SIGTERM');
    await server.printed('stopping');
    server.signal('SIGUSR2');
    expect(await endOf({ [Symbol.asyncIterator]: () => iterator })).toBe('complete');
    expect(await server.exited()).toBe(1);
    expect(server.output).toContain('thrown by a test');
  });

  it('on a second stop signal ends at once with 1, and its engines with it', async () => {
    const server = await start('--grace', '600');
    const { ends } = await underWay(server.url);
    const engines = childrenOf(server.processId);
    server.signal('SIGTERM');
    await server.printed('stopping');
    server.signal('SIGINT');
    expect(await server.exited()).toBe(1);
    await ends;
    for (const engine of engines) await gone(engine);
    expect(server.output).not.toMatch(abortMessage);
  });

  it('on SIGKILL takes its engines with it', async () => {
    const server = await start();
    const { ends } = await underWay(server.url);
    const engines = childrenOf(server.processId);
    server.signal('SIGKILL');
    expect(await server.exited()).toBeNull();
    await ends;
    for (const engine of engines) await gone(engine);
    expect(server.output).not.toMatch(abortMessage);
  });

  it('goes on when the process that started it is killed, and stops when it is told to', async () => {
    const parent = spawn(
      process.execPath,
      [
        '-e',
        startServer,
        '--',
        join(process.cwd(), 'dist', 'cli', 'main.js'),
        '--isolation',
        isolation,
        ...options,
      ],
      { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
    );
    let output = '';
    const listening = new Promise<string>((resolve) => {
      const read = (data: Buffer): void => {
        output += data.toString();
        const url = /is listening on (http:\S+)/.exec(output)?.[1];
        if (url !== undefined) resolve(url);
      };
      parent.stdout?.on('data', read);
      parent.stderr?.on('data', read);
    });
    // All who hold the server's end of these pipes have ended.
    const closed = Promise.all([
      once(parent.stdout ?? parent, 'close'),
      once(parent.stderr ?? parent, 'close'),
    ]);
    const [processId] = (await once(parent, 'message')) as [number];
    const url = await listening;
    const { ends } = await underWay(url);
    const engines = childrenOf(processId);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    const after = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'starter', prompt: 'A', max_tokens: 1 }),
    });
    expect(after.status).toBe(200);
    await after.json();
    process.kill(processId, 'SIGTERM');
    expect(new Set(await ends)).toEqual(new Set(['model_unloading']));
    await closed;
    await gone(processId);
    expect(engines.filter(isRunning)).toEqual([]);
    expect(output).not.toMatch(abortMessage);
    expect(output).toContain('unloaded starter-draft\n');
  });
});

/** Program of a process that starts a server, says its process id, and waits. */
const startServer = `
  const [main, ...args] = process.argv.slice(1);
  const child = require('node:child_process').spawn(
    process.execPath, [main, 'serve', '--port', '0', '--grace', '0', ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  process.send(child.pid);
`;

it('a server whose engine thread is stuck ends all the same, by SIGKILL, and says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-exit-'));
  const config = join(folder, 'heddle.yaml');
  writeFileSync(config, 'isolation: thread\npool: { teardown_deadline: 100ms }\n');
  try {
    const deaf = join(process.cwd(), 'test', 'e2e', 'deaf-threads.mjs');
    const server = await ServerProcess.startIn(['--import', deaf], '--config', config, ...options);
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
    await client.completions.create({ model: 'starter', prompt: 'Once', max_tokens: 1 });
    server.signal('SIGTERM');
    expect(await server.exited()).toBe(null);
    expect(server.output).toContain('starter did not unload');
    expect(server.output).toContain('ends itself by SIGKILL');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

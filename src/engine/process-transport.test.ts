import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import type { ErrorData } from '../core/errors.js';
import { codeOf, fakeModel } from '../testing/engine-conformance.js';
import { collect, makeRequest } from '../testing/requests.js';
import { Engine } from './engine.js';
import { ProcessTransport } from './process-transport.js';

const fakeRunner = pathToFileURL(resolve('dist/testing/fake-runner.js')).href;

function make(): { transport: ProcessTransport; engine: Engine } {
  const transport = new ProcessTransport({ name: 'test', runnerModule: fakeRunner });
  return { transport, engine: new Engine(transport) };
}

function idOf(transport: ProcessTransport): number {
  if (transport.processId === undefined) throw new Error('There is no process.');
  return transport.processId;
}

/** Sockets and pipes of this process; none where the system does not tell. */
function descriptors(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
}

test('commands to a process that is stopped wait here, and it is killed all the same', async () => {
  const { transport, engine } = make();
  await engine.load(fakeModel());
  const id = idOf(transport);
  process.kill(id, 'SIGSTOP');
  const calls = Array.from({ length: 32 }, async () => codeOf(engine.tokenize('x'.repeat(1024 * 1024))));
  await new Promise((wake) => setImmediate(wake));
  transport.destroy();
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['engine_crashed']));
  expect(() => process.kill(id, 0)).toThrow('ESRCH');
});

test('commands that waited for a process that was stopped reach it in order when it goes on', async () => {
  const { transport, engine } = make();
  await engine.load(fakeModel());
  process.kill(idOf(transport), 'SIGSTOP');
  const calls = Array.from({ length: 8 }, async (_, index) =>
    engine.tokenize(String(index).repeat(256 * 1024)),
  );
  const report = engine.inspect();
  await new Promise((wake) => setImmediate(wake));
  process.kill(idOf(transport), 'SIGCONT');
  for (const [index, tokens] of (await Promise.all(calls)).entries()) {
    expect(tokens).toHaveLength(256 * 1024);
    expect(tokens[0]).toBe(48 + index);
  }
  expect(await report).toMatchObject({ running: 0 });
  await engine.close();
});

test('an engine leaves no descriptor behind, whether it is closed, killed, or could not be started', async () => {
  const before = descriptors();
  for (const end of ['closed', 'killed', 'stopped'] as const) {
    const { transport, engine } = make();
    await engine.load(fakeModel('fake:?stepDelayMs=1'));
    const request = collect(engine.generate(makeRequest({ stop: { maxTokens: 400 } })));
    const code = codeOf(request);
    if (end === 'stopped') process.kill(idOf(transport), 'SIGSTOP');
    if (end === 'closed') await engine.close();
    else transport.destroy();
    await engine.exited;
    expect(await code).toBe(end === 'closed' ? 'model_unloading' : 'engine_crashed');
  }
  await withNode('/nowhere/node', async () => {
    const { engine } = make();
    expect(await codeOf(engine.load(fakeModel()))).toBe('engine_crashed');
  });
  expect(descriptors()).toBe(before);
});

test.each([
  ['that is not there', '/nowhere/node', 'ENOENT'],
  ['whose name no system takes', 'no\0de', 'null bytes'],
])('a program %s is a crash that says why', async (_, path, why) => {
  const { transport } = make();
  const error = await withNode(path, async () => {
    return new Promise<ErrorData | undefined>((onExit) => transport.start({ onEvent() {}, onExit }));
  });
  expect(error).toMatchObject({ code: 'engine_crashed', retryable: true });
  expect(error?.message).toMatch(why);
});

/** With another program in Node's place. */
async function withNode<T>(path: string, act: () => Promise<T>): Promise<T> {
  const real = process.execPath;
  process.execPath = path;
  try {
    return await act();
  } finally {
    process.execPath = real;
  }
}

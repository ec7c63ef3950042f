import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import {
  codeOf,
  codeOfThrown,
  describeEngineConformance,
  fakeModel,
  until,
} from '../testing/engine-conformance.js';
import { InMemoryTransport } from '../testing/in-memory-transport.js';
import { collect, makeRequest } from '../testing/requests.js';
import { AbortBoard } from './abort-board.js';
import { Engine, type Generation } from './engine.js';
import type { EngineEvent } from './protocol.js';
import { ProcessTransport } from './process-transport.js';
import { ThreadTransport } from './thread-transport.js';
import type { EngineTransport, TransportListener } from './transport.js';

/** Compiled, as a worker thread needs it; the tests' global setup sees to that. */
const fakeRunner = pathToFileURL(resolve('dist/testing/fake-runner.js')).href;

describeEngineConformance('in memory', {
  makeTransport: () => new InMemoryTransport(),
  crashes: [{ name: 'is lost', modelPath: 'fake:', act: (transport) => transport.crash() }],
});

describeEngineConformance('on a thread', {
  makeTransport: () => new ThreadTransport({ name: 'test', runnerModule: fakeRunner }),
  crashes: [
    { name: 'exits with an error status', modelPath: 'fake:?crashAtDecode=3&stepDelayMs=1' },
    { name: 'exits as if all were well', modelPath: 'fake:?crashAtDecode=3&stepDelayMs=1&crashAs=leave' },
  ],
});

const kill = (signal: NodeJS.Signals) => (transport: ProcessTransport) => {
  if (transport.processId !== undefined) process.kill(transport.processId, signal);
};

describeEngineConformance('in a process', {
  makeTransport: () => new ProcessTransport({ name: 'test', runnerModule: fakeRunner }),
  crashes: [
    { name: 'is killed', modelPath: 'fake:?stepDelayMs=5', act: kill('SIGKILL') },
    { name: 'has a segmentation fault', modelPath: 'fake:?stepDelayMs=5', act: kill('SIGSEGV') },
    { name: 'aborts', modelPath: 'fake:?stepDelayMs=5', act: kill('SIGABRT') },
    { name: 'loses its thread', modelPath: 'fake:?crashAtDecode=3&stepDelayMs=1' },
  ],
});

test('nothing starts when an engine is made', () => {
  const before = process.getActiveResourcesInfo();
  const transport = new InMemoryTransport();
  const engines = [
    new Engine(transport),
    new Engine(new ThreadTransport({ name: 'x', runnerModule: fakeRunner })),
  ];
  expect(process.getActiveResourcesInfo()).toEqual(before);
  expect(transport.running).toBe(false);
  expect(engines.every(({ alive }) => alive)).toBe(true);
});

test('a runner module that can not be imported is a crash of the engine, not of the gateway', async () => {
  const engine = new Engine(new ThreadTransport({ name: 'x', runnerModule: 'file:///nowhere/runner.js' }));
  expect(await codeOf(engine.load(fakeModel()))).toBe('engine_crashed');
  await engine.exited;
});

test('an error that no command caused is a crash, once the thread is idle enough to notice', async () => {
  const engine = new Engine(new ThreadTransport({ name: 'x', runnerModule: fakeRunner }));
  await engine.load(fakeModel('fake:?crashAtDecode=3&crashAs=throw'));
  await collect(engine.generate(makeRequest()));
  await engine.exited;
  expect(codeOfThrown(() => engine.generate(makeRequest()))).toBe('engine_crashed');
});

test('clients that leave at any moment do not change what the others read', async () => {
  const engine = new Engine(new ThreadTransport({ name: 'x', runnerModule: fakeRunner }));
  await engine.load(fakeModel());
  const prompts = Array.from({ length: 40 }, (_, index) => `${index} `.repeat(1 + (index % 50)));
  const ask = (prompt: string): Generation =>
    engine.generate(makeRequest({ prompt, stop: { maxTokens: 30 } }));
  const alone = [];
  for (const prompt of prompts) alone.push((await collect(ask(prompt))).texts[0]);
  const staying = prompts.map(async (prompt) => (await collect(ask(prompt))).texts[0]);
  const leaving = Array.from({ length: 200 }, async (_, index) => {
    const generation = ask('leaving '.repeat(index % 60) + index);
    for (let update = index % 17; update > 0; update--) await generation.next();
    generation.cancel();
  });
  await Promise.all(leaving);
  expect(await Promise.all(staying)).toEqual(alone);
  await until(() => engine.pendingRequests === 0);
  expect(await engine.close()).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
});

test('a host that can not be started is a load that fails, and leaves nothing to end', async () => {
  const engine = new Engine({
    aborts: new AbortBoard(),
    hostBytes: 0,
    start: () => {
      throw new Error('no threads left');
    },
    post: () => {},
  });
  await expect(engine.load(fakeModel())).rejects.toMatchObject({
    code: 'engine_crashed',
    message: expect.stringContaining('no threads left') as string,
  });
  expect(await engine.end(0)).toBe('closed');
});

test('two engines on threads decode on different ones', async () => {
  const engines = [1, 2].map(() => new Engine(new ThreadTransport({ name: 'x', runnerModule: fakeRunner })));
  const reports = await Promise.all(
    engines.map(async (engine) => {
      await engine.load(fakeModel());
      await collect(engine.generate(makeRequest()));
      return engine.close();
    }),
  );
  expect(new Set(reports.map((report) => report?.threads.load)).size).toBe(2);
});

test('what a host says counts, and what it says of its steps counts as such', async () => {
  let listener: TransportListener | undefined;
  const transport: EngineTransport = {
    hostBytes: 0,
    aborts: { openLane() {}, cancel() {}, cancelAll() {}, cancelLoad() {} },
    start: (given) => void (listener = given),
    post() {},
  };
  const engine = new Engine(transport);
  const loaded = engine.load(fakeModel());
  const counts = (): number[] => [engine.eventCount, engine.stepEventCount];
  const say = (event: EngineEvent): number[] => {
    listener?.onEvent(event);
    return counts();
  };
  expect(counts()).toEqual([0, 0]);
  expect(say({ type: 'loading', fraction: 0.5 })).toEqual([1, 0]);
  expect(say({ type: 'result', call: 1, value: undefined })).toEqual([2, 0]);
  expect(say({ type: 'step', updates: [] })).toEqual([3, 1]);
  expect(say({ type: 'alive' })).toEqual([4, 2]);
  expect(say({ type: 'alive', call: 2 })).toEqual([5, 2]);
  await loaded;
});

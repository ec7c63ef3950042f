import { copyFileSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Engine, Generation } from '../../src/engine/engine.js';
import { codeOf } from '../../src/testing/engine-conformance.js';
import { Gate } from '../../src/testing/gate.js';
import {
  cutText,
  deafText,
  endlessLoad,
  garbage,
  loadGate,
  teardownGate,
} from '../../src/testing/gated-runner.js';
import { writeMissingTensor } from '../../src/testing/gguf/broken-files.js';
import { collect, makeRequest, type Collected } from '../../src/testing/requests.js';
import { draftModel, starterModel } from './fixture-folder.js';
import { isolations, RealServer, type Isolation } from './real-server.js';

let folder: string;
let victimPath: string;
let server: RealServer;
/** What the stream of the other model says when nothing happens. */
let undisturbed: Collected;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-failures-'));
  victimPath = join(folder, 'victim.gguf');
  copyFileSync(starterModel, victimPath);
  copyFileSync(draftModel, join(folder, 'bystander.gguf'));
});

afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function start(isolation: Isolation): Promise<void> {
  server = await RealServer.start(folder, isolation);
  undisturbed = await collect(await bystander());
}

/** A stream of the other model, which has begun. */
async function bystander(): Promise<Generation> {
  const lease = await server.pool.lease('bystander');
  const stop = { maxTokens: 400, ignoreEos: true };
  const stream = lease.engine.generate(makeRequest({ prompt: 'Once upon a time', stop }));
  lease.release();
  return stream;
}

/** Lets something happen to the victim while the other model's stream runs, and sees that this one is not touched. */
async function beside<T>(happen: () => Promise<T>): Promise<T> {
  const stream = await bystander();
  expect((await stream.next()).value).toMatchObject({ kind: 'accepted' });
  const other = server.pool.models.find(({ file }) => file.id === 'bystander');
  expect(other?.engine?.pendingRequests).toBe(1);
  const result = await happen();
  const { promptTokens: _, ...rest } = await collect(stream);
  expect(undisturbed).toMatchObject(rest);
  expect(server.events.filter((event) => event.startsWith('bystander'))).toEqual([
    'bystander queued',
    'bystander loading',
    'bystander ready',
  ]);
  return result;
}

async function loadVictim(): Promise<Engine> {
  const lease = await server.pool.lease('victim');
  lease.release();
  return lease.engine;
}

function processOfVictim(): number {
  const id = server.pool.models.find(({ file }) => file.id === 'victim')?.engine?.processId;
  if (id === undefined) throw new Error('the victim has no process');
  return id;
}

/** Streams that do not end by themselves, once they have begun. */
async function streams(engine: Engine): Promise<Generation[]> {
  const all = [1, 2, 3, 4, 5].map(() =>
    engine.generate(makeRequest({ prompt: 'Once upon a time', stop: { maxTokens: 2000, ignoreEos: true } })),
  );
  await all[0]?.next();
  await all[0]?.next();
  return all;
}

async function endsOf(all: readonly Generation[]): Promise<unknown> {
  return Promise.all(all.map(async (stream) => codeOf(collect(stream))));
}

const crashed = Array.from({ length: 5 }, () => 'engine_crashed');

/** The model answers as ever, in another process than before. */
async function worksAgain(before: number): Promise<void> {
  const engine = await loadVictim();
  expect(engine.processId).not.toBe(before);
  const stop = { maxTokens: 2 };
  const answer = await collect(engine.generate(makeRequest({ prompt: 'The capital of Japan is', stop })));
  expect(answer.texts).toEqual([' Tokyo.']);
}

function isThere(processId: number): boolean {
  try {
    process.kill(processId, 0); // also finds a process that was not reaped
    return true;
  } catch {
    return false;
  }
}

describe.each(['SIGKILL', 'SIGSEGV'] as const)('an engine process that dies of %s', (signal) => {
  test('while it loads fails that load', async () => {
    await start('process');
    const gate = new Gate(loadGate(victimPath));
    const code = codeOf(loadVictim());
    await gate.reached();
    const processId = processOfVictim();
    expect(server.pool.stateOf('victim')).toBe('loading');
    await beside(async () => {
      process.kill(processId, signal);
      expect(await code).toBe('engine_crashed');
    });
    expect(server.pool.stateOf('victim')).toBe('failed');
    expect(isThere(processId)).toBe(false);
    await gate.open();
    await worksAgain(processId);
  });

  test('while it is idle is missed by nobody', async () => {
    await start('process');
    const engine = await loadVictim();
    const processId = processOfVictim();
    await beside(async () => {
      process.kill(processId, signal);
      await engine.exited;
    });
    expect(server.events.slice(-2)).toEqual(['victim lost', 'victim unloaded']);
    expect(isThere(processId)).toBe(false);
    await worksAgain(processId);
  });

  test('while it streams ends its streams', async () => {
    await start('process');
    const all = await streams(await loadVictim());
    const processId = processOfVictim();
    await beside(async () => {
      process.kill(processId, signal);
      expect(await endsOf(all)).toEqual(crashed);
    });
    expect(isThere(processId)).toBe(false);
    await worksAgain(processId);
  });

  test('while it drains ends its streams, and the unload', async () => {
    await start('process');
    const all = await streams(await loadVictim());
    const processId = processOfVictim();
    const draining = server.entered('victim', 'draining');
    const unload = server.pool.unload('victim', 600_000);
    await draining;
    await beside(async () => {
      process.kill(processId, signal);
      expect(await endsOf(all)).toEqual(crashed);
      await unload;
    });
    expect(server.pool.stateOf('victim')).toBe('unloaded');
    expect(isThere(processId)).toBe(false);
    await worksAgain(processId);
  });

  test('while it is torn down ends the unload', async () => {
    await start('process');
    const all = await streams(await loadVictim());
    const processId = processOfVictim();
    const gate = new Gate(teardownGate(victimPath));
    const unload = server.pool.unload('victim', 0);
    await gate.reached();
    expect(server.pool.stateOf('victim')).toBe('unloading');
    const waiting = worksAgain(processId);
    await beside(async () => {
      process.kill(processId, signal);
      await unload;
    });
    await gate.open();
    // They were told before the teardown began, or the end of the process told them.
    for (const code of (await endsOf(all)) as unknown[]) {
      expect(['model_unloading', 'engine_crashed']).toContain(code);
    }
    expect(isThere(processId)).toBe(false);
    await waiting;
  });
});

describe('an engine process whose channel is closed in the middle of a message', () => {
  test('is ended, and its streams and calls with engine_crashed', async () => {
    await start('process');
    const engine = await loadVictim();
    const all = await streams(engine);
    const processId = processOfVictim();
    await beside(async () => {
      const call = codeOf(engine.tokenize(cutText));
      const large = codeOf(engine.tokenize('x'.repeat(16 * 1024 * 1024))); // is cut in the other direction
      expect(await endsOf(all)).toEqual(crashed);
      expect([await call, await large]).toEqual(['engine_crashed', 'engine_crashed']);
    });
    expect(isThere(processId)).toBe(false);
    await worksAgain(processId);
  });
});

test('an engine process that hears nothing any more is ended, though it could still speak', async () => {
  await start('process');
  const engine = await loadVictim();
  const all = await streams(engine);
  const processId = processOfVictim();
  await beside(async () => {
    const call = codeOf(engine.tokenize(deafText));
    expect(await endsOf(all)).toEqual(crashed);
    expect([undefined, 'engine_crashed']).toContain(await call); // it may have answered before
  });
  expect(isThere(processId)).toBe(false);
  await worksAgain(processId);
});

describe.each(Object.keys(garbage))('an engine process that sends %s', (name) => {
  test('is ended, and its streams and calls with engine_crashed', async () => {
    await start('process');
    const engine = await loadVictim();
    const all = await streams(engine);
    const processId = processOfVictim();
    await beside(async () => {
      const call = codeOf(engine.tokenize(name));
      expect(await endsOf(all)).toEqual(crashed);
      expect(await call).toBe('engine_crashed');
    });
    expect(engine.loss?.message).toMatch(/its messages were unreadable/);
    expect(server.events.filter((event) => event === 'victim lost')).toHaveLength(1);
    expect(isThere(processId)).toBe(false);
    await worksAgain(processId);
  });
});

test('a model file that is cut short half-way through its load takes one process, and loads when it is whole', async () => {
  await start('process');
  const gate = new Gate(loadGate(victimPath));
  const code = codeOf(loadVictim());
  await gate.reached();
  const processId = processOfVictim();
  await beside(async () => {
    truncateSync(victimPath, statSync(victimPath).size / 2);
    await gate.open();
    expect(await code).toBe('engine_crashed');
  });
  expect(server.pool.stateOf('victim')).toBe('failed');
  expect(isThere(processId)).toBe(false);
  copyFileSync(starterModel, victimPath);
  await worksAgain(processId);
});

describe.each(isolations)('a load in a %s', (isolation) => {
  test('that lacks a tensor at its end fails, and disturbs nobody', async () => {
    writeMissingTensor(folder);
    await start(isolation);
    const code = await beside(async () => codeOf(server.pool.load('missing-tensor')));
    expect(code).toBe('model_load_failed');
    expect(server.pool.stateOf('missing-tensor')).toBe('failed');
    await worksAgain(0);
  });

  test.each([
    ['by its caller', 'request_cancelled', (leaving: AbortController) => leaving.abort()],
    ['by an unload', 'load_cancelled', async () => void (await server.pool.unload('victim', 0))],
  ] as const)(
    'that is cancelled half-way %s ends as such, and disturbs nobody',
    async (_, expected, cancel) => {
      await start(isolation);
      const gate = new Gate(loadGate(victimPath));
      writeFileSync(endlessLoad(victimPath), '');
      const leaving = new AbortController();
      const code = codeOf(server.pool.lease('victim', leaving.signal));
      await gate.reached();
      await gate.open();
      const unloaded = server.entered('victim', 'unloaded');
      await beside(async () => {
        await cancel(leaving);
        expect(await code).toBe(expected);
        await unloaded;
      });
      rmSync(endlessLoad(victimPath));
      await worksAgain(0);
    },
  );
});

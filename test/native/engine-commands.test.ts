import { existsSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { createProcessEngine, createThreadEngine } from '../../src/engine/create-engine.js';
import type { Engine, EngineReport } from '../../src/engine/engine.js';
import { codeOf } from '../../src/testing/engine-conformance.js';
import { writeFixture } from '../../src/testing/gguf/fixtures.js';
import { collect, makeRequest } from '../../src/testing/requests.js';
import { draftModel, fixtureFolder, starterModel } from './fixture-folder.js';

const engines: Engine[] = [];

afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

describe.each([
  ['a thread', createThreadEngine],
  ['a process', createProcessEngine],
] as const)('an engine in %s', (_, create) => {
  async function load(modelPath: string): Promise<Engine> {
    const engine = create('test');
    engines.push(engine);
    await engine.load({ modelPath, contextSize: 2048, slots: 4, batchSize: 256, threads: 1 });
    return engine;
  }

  /** The engine thread, as the system lists it; the answer is `false` too where it lists none. */
  function isThere(engine: Engine, { threads }: EngineReport): boolean {
    return existsSync(`/proc/${engine.processId ?? process.pid}/task/${threads.load}`);
  }

  test('has one thread from load to teardown, which is no other engine’s and ends with it', async () => {
    const four = await Promise.all(
      [starterModel, draftModel, writeFixture('llama', fixtureFolder), starterModel].map(load),
    );
    const before = await Promise.all(four.map(async (engine) => engine.inspect()));
    const onLinux = process.platform === 'linux';
    expect(four.map((engine, index) => isThere(engine, before[index] as EngineReport))).toEqual(
      four.map(() => onLinux),
    );
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        four.flatMap((engine) => [
          collect(engine.generate(makeRequest({ prompt: 'Once upon a time' }))),
          collect(engine.generate(makeRequest({ prompt: 'One, two,', choices: 2 }))),
          engine.tokenize('Hello!'),
        ]),
      );
    }
    const processes = four.map(({ processId }) => processId ?? process.pid);
    const reports = await Promise.all(four.map(async (engine) => engine.close()));
    for (const [index, report] of reports.entries()) {
      const { load: thread, decode, teardown } = report?.threads ?? { load: NaN, decode: [] };
      expect(thread).toBe(before[index]?.threads.load);
      expect(decode).toEqual([thread]);
      expect(teardown).toBe(thread);
      expect(thread).not.toBe(processes[index]); // the first thread of a process has the process's number
      expect(existsSync(`/proc/${processes[index]}/task/${thread}`)).toBe(false);
    }
    expect(new Set(reports.map((report) => report?.threads.load)).size).toBe(four.length);
  });

  test('answers 500 commands in the order they came, while it computes', async () => {
    const engine = await load(starterModel);
    const answered: number[] = [];
    const running = engine.generate(makeRequest({ stop: { maxTokens: 2000, ignoreEos: true } }));
    await running.next();
    const calls = Array.from({ length: 500 }, async (_unused, index) => {
      if (index % 3 === 0) await engine.inspect();
      else await engine.tokenize('a'.repeat((index * 37) % 2000)); // of different lengths, so that some take longer
      answered.push(index);
    });
    const before = engine.inspect();
    running.cancel();
    const after = engine.inspect();
    await Promise.all(calls);
    expect(answered).toEqual(answered.map((_unused, index) => index));
    expect(answered).toHaveLength(500);
    const { running: computing, waiting } = await before;
    expect(computing + waiting).toBe(1);
    expect(await after).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
  });

  test('gives an error to the caller who caused it, and to nobody else', async () => {
    const engine = await load(starterModel);
    const ask = async () =>
      collect(
        engine.generate(makeRequest({ prompt: 'One, two,', stop: { maxTokens: 100, ignoreEos: true } })),
      );
    const alone = await ask();
    const stream = ask();
    const tooLong = 'word '.repeat(4000);
    const bad = [
      collect(engine.generate(makeRequest({ prompt: [999_999] }))),
      collect(engine.generate(makeRequest({ prompt: [-1] }))),
      collect(engine.generate(makeRequest({ prompt: tooLong }))),
      collect(engine.generate(makeRequest({ sampling: { logitBias: [[999_999, 1]] } }))),
      engine.load({ modelPath: starterModel, contextSize: 256, slots: 1, batchSize: 1, threads: 1 }),
    ].map(codeOf);
    const [tokens, report] = await Promise.all([engine.tokenize('Hello!'), engine.inspect()]);
    expect(await Promise.all(bad)).toEqual([
      'invalid_parameter',
      'invalid_parameter',
      'context_length_exceeded',
      'invalid_parameter',
      'internal_error',
    ]);
    expect(tokens.length).toBeGreaterThan(0);
    expect(report.threads.load).toBeGreaterThan(0);
    expect(await stream).toEqual(alone);
    expect(await ask()).toEqual(alone);
  });
});

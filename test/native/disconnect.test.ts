import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { ThreadTransport } from '../../src/engine/thread-transport.js';
import { until } from '../../src/testing/engine-conformance.js';
import { writeBenchmarkModel, writeFixture } from '../../src/testing/gguf/fixtures.js';
import { collect, makeRequest } from '../../src/testing/requests.js';
import { fixtureFolder } from './fixture-folder.js';

/** Models on which the long prompt takes seconds, and a step of it a good part of one. */
const models = [
  {
    name: 'a small model, far into its context',
    path: () => writeFixture('llama', fixtureFolder, { contextLength: 32_768 }),
    promptLength: 12_000,
    batchSize: 2048,
  },
  {
    name: 'a model of 60 MB',
    path: () => writeBenchmarkModel(fixtureFolder, { layers: 4, vocabularySize: 512, contextLength: 8192 }),
    promptLength: 4000,
    batchSize: 1024,
  },
] as const;

/**
 * Resolves when the engine has computed a part of the request's prompt, and is in the middle of the next: an answer comes
 * from between two steps, and on a busy machine whoever hears it may act before the next one has begun.
 */
async function inPrefill(engine: Engine, requestId: string): Promise<void> {
  for (;;) {
    const { recentSteps } = await engine.inspect();
    const step = recentSteps.findLast(({ rows }) => rows.some((row) => row.requestId === requestId));
    if (step === undefined) continue;
    await new Promise((resolve) => setTimeout(resolve, step.decodeMs / 3));
    return;
  }
}

describe.each(models)('with $name', ({ path, promptLength, batchSize }) => {
  const long = Array.from({ length: promptLength }, (_, index) => (index * 7919) % 256);
  const staying = { prompt: 'Once upon a time', stop: { maxTokens: 40, ignoreEos: true } };

  async function load(): Promise<Engine> {
    const engine = new Engine(new ThreadTransport({ name: 'test' }));
    await engine.load({
      modelPath: path(),
      contextSize: promptLength + 1024,
      slots: 4,
      batchSize,
      threads: 1,
    });
    return engine;
  }

  test('a client that leaves in the middle of its prefill stops the decode, and nobody else notices', async () => {
    const engine = await load();
    const alone = await collect(engine.generate(makeRequest(staying)));

    const together = collect(engine.generate(makeRequest(staying)));
    const leaving = makeRequest({ prompt: long });
    const generation = engine.generate(leaving);
    expect((await generation.next()).value).toMatchObject({ kind: 'accepted', promptTokens: promptLength });
    await inPrefill(engine, leaving.id);
    generation.cancel();
    await until(() => engine.pendingRequests <= 1);
    expect(await together).toEqual(alone);

    const report = await engine.close();
    const steps = report?.recentSteps ?? [];
    const aborted = steps.findLast(({ outcome }) => outcome === 'aborted');
    expect(report?.abortedSteps).toBeGreaterThanOrEqual(1);
    expect(aborted?.rows.map(({ requestId }) => requestId)).toContain(leaving.id);
    const later = steps.filter(({ number }) => number > (aborted?.number ?? 0));
    expect(later.length).toBeGreaterThan(0);
    expect(later.flatMap(({ rows }) => rows).map(({ requestId }) => requestId)).not.toContain(leaving.id);
    const prefilled = steps.flatMap(({ outcome, rows }) =>
      outcome === 'ok' ? rows.filter(({ requestId }) => requestId === leaving.id) : [],
    );
    expect(prefilled.reduce((sum, { count }) => sum + count, 0)).toBeLessThan(promptLength);
  });

  test('an engine that closes in the middle of a prefill aborts it, and frees all that it holds', async () => {
    const engine = await load();
    const request = makeRequest({ prompt: long });
    const generation = engine.generate(request);
    await inPrefill(engine, request.id);
    const ended = collect(generation).catch((error: unknown) => error);
    const report = await engine.close();
    expect(await ended).toMatchObject({ code: 'model_unloading' });
    expect(report).toMatchObject({ running: 0, usedCells: 0 });
    expect(report?.recentSteps.at(-1)?.outcome).toBe('aborted');
  });
});

import { afterEach, describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { ThreadTransport } from '../../src/engine/thread-transport.js';
import { TemporaryFolder } from '../../src/testing/blocks.js';
import { writeFixture, type FixtureName } from '../../src/testing/gguf/fixtures.js';
import { cachedTokensOf, collect, makeRequest } from '../../src/testing/requests.js';
import { fixtureFolder } from './fixture-folder.js';

const engines: Engine[] = [];

afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

const promptLength = 3900;
const batchSize = 128;
const prompt = Array.from({ length: promptLength }, (_, index) => 5 + ((index * 7919) % 200));

/*
 * How long it takes until the engine is free is measured by `heddle bench`. Here: which rows are computed after a client
 * left in the middle of its prompt, and what is left of it.
 */
describe.each(['llama', 'gemma3', 'falcon-h1', 'mamba2'] as const)(
  'a client of a %s model that leaves in the middle of a long prompt',
  (name: FixtureName) => {
    test('has no row computed after the next request has begun, and holds nothing', async () => {
      using folder = new TemporaryFolder();
      const engine = new Engine(new ThreadTransport({ name: 'test' }));
      engines.push(engine);
      await engine.load({
        modelPath: writeFixture(name, fixtureFolder),
        contextSize: 4096,
        slots: 2,
        residentSlots: 2,
        batchSize,
        threads: 1,
        interTokenTarget: 0,
        promptCache: {
          hostBytes: 2 ** 26,
          disk: { directory: folder.path, bytes: 2 ** 30, queueBytes: 2 ** 26 },
        },
      });
      const leaving = makeRequest({ prompt });
      const generation = engine.generate(leaving);
      for await (const update of generation) if (update.kind === 'started') break;
      const short = makeRequest({ prompt: 'A short one', stop: { maxTokens: 4, ignoreEos: true } });
      const { finishes } = await collect(engine.generate(short));
      expect(finishes).toEqual(['length']);

      const { recentSteps, running, waiting, usedCells } = await engine.inspect();
      expect({ running, waiting, usedCells }).toEqual({ running: 0, waiting: 0, usedCells: 0 });
      const owners = recentSteps.map(({ rows }) => rows.map(({ requestId }) => requestId));
      const begun = owners.findIndex((ids) => ids.includes(short.id));
      expect(begun).toBeGreaterThan(0);
      expect(owners.slice(begun).flat()).not.toContain(leaving.id);
      const computed = recentSteps
        .filter(({ outcome }) => outcome === 'ok')
        .flatMap(({ rows }) => rows)
        .filter(({ requestId }) => requestId === leaving.id)
        .reduce((sum, { count }) => sum + count, 0);
      expect(computed).toBeGreaterThan(0);
      expect(computed).toBeLessThan(promptLength);
      // Nothing that was computed is in vain: where a memory can be cut, whoever asks the same goes on from there.
      if (!engine.info.canCut) return;
      const again = makeRequest({ prompt: prompt.slice(0, computed + 10), stop: { maxTokens: 2 } });
      expect(await cachedTokensOf(engine.generate(again))).toBe(computed);
    });
  },
);

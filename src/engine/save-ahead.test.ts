import { expect, test } from 'vitest';
import { CachedEngine } from '../testing/cached-engine.js';
import { makeRequest } from '../testing/requests.js';

test('a sequence that is to lose its cells soon is saved before it does', async () => {
  const engine = new CachedEngine({ modelPath: 'fake:', contextSize: 512, slots: 2, residentSlots: 0 });
  const { core, cache } = engine;
  const texts = ['a'.repeat(140), 'b'.repeat(200)];
  const requests = texts.map((prompt) => makeRequest({ prompt, stop: { maxTokens: 150, ignoreEos: true } }));
  for (const [lane, request] of requests.entries()) core.generate(request, lane);
  let savedBefore = 0;
  let ended = 0;
  for (let steps = 0; !core.idle; steps++) {
    if (steps > 2000) throw new Error('they never end');
    if (core.inspect().preemptions === 0) savedBefore = cache.counts.savedBlocks;
    core.step();
    engine.check();
    for (const update of core.takeUpdates()) {
      expect(update.kind).not.toBe('failed');
      if (update.kind === 'choice' && update.finish !== undefined) ended++;
    }
  }
  expect(ended).toBe(2);
  expect(core.inspect().preemptions).toBeGreaterThan(0);
  // Three blocks of its prompt at least, while both ran.
  expect(savedBefore).toBeGreaterThanOrEqual(3);
  expect(cache.counts).toMatchObject({ faults: 0 });
  expect(cache.counts.restoredTokens).toBeGreaterThanOrEqual(192);
  await engine.close();
});

import { afterEach, describe, expect, test, vi } from 'vitest';
import { CachedEngine } from '../testing/cached-engine.js';
import { makeRequest } from '../testing/requests.js';

const blockMs = 10;

afterEach(() => {
  vi.restoreAllMocks();
});

/** An engine with one lane, whose clock goes on only when a block is copied out of it: after a step, that is one block. */
function open(): CachedEngine {
  const engine = new CachedEngine({ modelPath: 'fake:', slots: 1, residentSlots: 0 });
  const { runner } = engine;
  let clock = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
  const saveCells = runner.saveCells.bind(runner);
  runner.saveCells = (slot, from, to, allocate) => {
    clock += blockMs;
    return saveCells(slot, from, to, allocate);
  };
  return engine;
}

const ask = (prompt: string) => makeRequest({ prompt, stop: { maxTokens: 2 } });
const text = 'all that was woven on the loom, thread by thread; '.repeat(5).slice(0, 220);

describe('a lane that another prompt takes before all of it was saved', () => {
  test('is saved before it is emptied', async () => {
    const engine = open();
    await engine.answer(ask(text));
    expect(engine.cache.counts.savedBlocks).toBe(1);
    await engine.answer(ask('Something else.'));
    expect(engine.cache.counts.savedBlocks).toBe(3);
    expect((await engine.answer(ask(text))).cachedTokens).toBe(192);
    await engine.close();
  });

  test('is saved before it is cut', async () => {
    const engine = open();
    await engine.answer(ask(text));
    expect(engine.cache.counts.savedBlocks).toBe(1);
    const { cachedTokens } = await engine.answer(ask(`${text.slice(0, 100)} and so on.`));
    expect(cachedTokens).toBe(100);
    expect(engine.cache.counts.savedBlocks).toBeGreaterThanOrEqual(3);
    await engine.answer(ask('Something else.'));
    expect((await engine.answer(ask(text))).cachedTokens).toBe(192);
    await engine.close();
  });
});

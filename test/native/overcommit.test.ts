import { describe, expect, test } from 'vitest';
import { fixtureNames, writeFixture } from '../../src/testing/gguf/fixtures.js';
import { Random } from '../../src/testing/random.js';
import { fixtureFolder, starterModel } from './fixture-folder.js';
import { UncachedComparison, type Turn } from './uncached-comparison.js';
import { WitnessedEngine } from './witnessed-engine.js';

const models = [
  ['starter', () => starterModel] as const,
  ...fixtureNames.map((name) => [name, () => writeFixture(name, fixtureFolder)] as const),
];
const contextSize = 512;
const sessions = 8;

/** Sessions of two turns, all at once, with prompts that share nothing. */
async function crowd(engine: WitnessedEngine, use: boolean, greedy: boolean): Promise<Turn[]> {
  const said: Turn[] = [];
  const session = async (seed: number): Promise<void> => {
    const random = new Random(seed);
    const words = (count: number): number[] => Array.from({ length: count }, () => 5 + random.below(200));
    const sampling = { temperature: greedy || seed % 2 === 0 ? 0 : 0.9, topK: 20, seed };
    let prompt = words(100 + random.below(40));
    for (const maxTokens of [90, 30]) {
      const answer = await engine.ask(prompt, { maxTokens, sampling, use });
      said.push({ prompt, sampling, maxTokens, answer });
      prompt = [...prompt, ...answer.tokens, ...words(10)];
    }
  };
  await Promise.all(Array.from({ length: sessions }, async (_, seed) => session(seed)));
  return said;
}

describe.each(models)('more conversations than the KV cache holds, with the %s model', (name, path) => {
  test.each([
    ['on', { residentSlots: 4, hostBlocks: 60 }],
    ['off', {}],
  ] as const)('end well, and as they do alone, with caches %s', async (how, caches) => {
    const modelPath = path();
    const engine = await WitnessedEngine.open({ modelPath, contextSize, slots: 6, ...caches });
    const said = await crowd(engine, how === 'on', name === 'starter');
    const tokens = said.slice(sessions).map(({ prompt, answer }) => prompt.length + answer.tokens.length);
    expect(tokens.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(3 * contextSize);
    const { preemptions, running, waiting, usedCells } = engine.core.inspect();
    expect(preemptions).toBeGreaterThan(0);
    expect({ running, waiting, usedCells }).toEqual({ running: 0, waiting: 0, usedCells: 0 });
    expect(engine.memory.restores > 0).toBe(how === 'on');
    await engine.close();

    const plain = await WitnessedEngine.open({ modelPath, contextSize, slots: 1 });
    const comparison = new UncachedComparison(plain, name);
    for (const turn of said) await comparison.check(turn);
    await plain.close();
    const { answers, nearTies } = comparison.counts;
    expect(answers).toBe(2 * sessions);
    expect(nearTies).toBeLessThan(name === 'starter' ? answers / 4 : 2);
  });
});

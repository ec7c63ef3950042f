import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

interface Caches {
  readonly residentSlots: number;
  readonly hostBlocks: number;
  readonly drafts?: boolean;
}

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
  let comparison: UncachedComparison;

  beforeAll(async () => {
    const plain = await WitnessedEngine.open({ modelPath: path(), contextSize, slots: 1 });
    comparison = new UncachedComparison(plain, name);
  });
  afterAll(async () => comparison.close());

  test.each<[string, Caches | undefined]>([
    ['with caches', { residentSlots: 4, hostBlocks: 60 }],
    ['with caches and drafts', { residentSlots: 4, hostBlocks: 60, drafts: true }],
    ['without any', undefined],
  ])('end well, and as they do alone, %s', async (_, caches) => {
    const use = caches !== undefined;
    const engine = await WitnessedEngine.open({ modelPath: path(), contextSize, slots: 6, ...caches });
    const said = await crowd(engine, use, name === 'starter');
    const tokens = said.slice(sessions).map(({ prompt, answer }) => prompt.length + answer.tokens.length);
    expect(tokens.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(3 * contextSize);
    const { preemptions, running, waiting, usedCells, draftTokens } = engine.core.inspect();
    expect(preemptions).toBeGreaterThan(0);
    expect({ running, waiting, usedCells }).toEqual({ running: 0, waiting: 0, usedCells: 0 });
    expect(engine.memory.restores > 0).toBe(use);
    expect(draftTokens > 0).toBe(caches?.drafts === true && engine.runner.info.canCut);
    await engine.close();

    const { answers, nearTies } = await comparison.checkAll(said);
    expect(answers).toBe(2 * sessions);
    expect(nearTies).toBeLessThan(name === 'starter' ? answers / 4 : 2);
  });
});

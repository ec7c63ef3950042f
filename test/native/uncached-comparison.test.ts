import { expect, test } from 'vitest';
import { writeFixture } from '../../src/testing/gguf/fixtures.js';
import { fixtureFolder } from './fixture-folder.js';
import { UncachedComparison, type Turn } from './uncached-comparison.js';
import { WitnessedEngine } from './witnessed-engine.js';

/* What holds answers against others is to find what is wrong with them. */
test.each([
  ['llama', 'never'],
  ['qwen3moe', 'now and then'],
] as const)('one token of an answer of %s may be far off: %s', async (name, often) => {
  const modelPath = writeFixture(name, fixtureFolder);
  const plain = await WitnessedEngine.open({ modelPath, contextSize: 512, slots: 1 });
  const prompt = Array.from({ length: 40 }, (_, at) => 5 + ((at * 31) % 200));
  const maxTokens = 6;
  const answer = await plain.ask(prompt, { maxTokens, use: false });
  const comparison = new UncachedComparison(plain, name);
  const turn = (...off: number[]): Turn => {
    const logProbabilities = answer.logProbabilities.map((one, at) => one + (off[at] ?? 0));
    return { prompt, sampling: {}, maxTokens, answer: { ...answer, logProbabilities } };
  };
  const good = Array.from({ length: 999 }, () => turn());
  const { nearTies, reroutings } = await comparison.checkAll([...good, turn(0, 0.001)]);
  expect([nearTies, reroutings]).toEqual([0, 0]);

  const one = comparison.checkAll([...good, turn(0, 0, 0.6)]);
  if (often !== 'never') expect((await one).reroutings).toBe(1);
  else await expect(one).rejects.toThrow('apart');
  // What was read wrongly once is read wrongly from there on.
  await expect(comparison.checkAll([...good, turn(0, 0, 0.6, 0.1)])).rejects.toThrow('apart');
  const some = [turn(0.6), turn(0, 0.6), turn(0, 0, 0.6)];
  await expect(comparison.checkAll([...good, ...some])).rejects.toThrow('apart');
  await comparison.close();
});

import { expect, test } from 'vitest';
import { writeFixture } from '../../src/testing/gguf/fixtures.js';
import { fixtureFolder } from './fixture-folder.js';
import { UncachedComparison, type Turn } from './uncached-comparison.js';
import { WitnessedEngine } from './witnessed-engine.js';

/* What holds answers against others is to find what is wrong with them. */
test.each([
  ['llama', 'is one too many'],
  ['qwen3moe', 'is one'],
] as const)('one token of an answer of %s that is far off %s', async (name, what) => {
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
  const outcome = one.then(
    (compared) => (compared.reroutings === 1 ? 'is one' : 'is not counted'),
    (error: unknown) => (String(error).includes('apart') ? 'is one too many' : String(error)),
  );
  expect(await outcome).toBe(what);
  // What was read wrongly once is read wrongly from there on.
  await expect(comparison.checkAll([...good, turn(0, 0, 0.6, 0.1)])).rejects.toThrow('apart');
  const some = [turn(0.6), turn(0, 0.6), turn(0, 0, 0.6)];
  await expect(comparison.checkAll([...good, ...some])).rejects.toThrow('apart');
  await comparison.close();
});

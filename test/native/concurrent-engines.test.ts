import { afterEach, describe, expect, test } from 'vitest';
import { createProcessEngine, createThreadEngine } from '../../src/engine/create-engine.js';
import type { Engine } from '../../src/engine/engine.js';
import { writeFixture } from '../../src/testing/gguf/fixtures.js';
import { collect, makeRequest, type Collected } from '../../src/testing/requests.js';
import { draftModel, fixtureFolder, starterModel } from './fixture-folder.js';

const paths = [
  starterModel,
  ...(['llama', 'qwen3moe', 'falcon-h1'] as const).map((name) => writeFixture(name, fixtureFolder)),
];
const rounds = 20;
const engines: Engine[] = [];

afterEach(async () => {
  await Promise.all(engines.splice(0).map(async (engine) => engine.close()));
});

/** One after the other and without the cache, so that always the same rows are computed together: others change the last digits of logits. */
async function answers(engine: Engine): Promise<Collected[]> {
  const all = [];
  for (const [index, prompt] of ['Once upon a time', 'One, two, three,', 'A cow says'].entries()) {
    const sampling = { temperature: index === 0 ? 0 : 0.9, seed: index };
    const stop = { maxTokens: 12, ignoreEos: true };
    const request = makeRequest({ prompt, sampling, stop, cache: { use: false } });
    all.push(await collect(engine.generate(request)));
  }
  return all;
}

describe.each([
  ['threads', createThreadEngine],
  ['processes', createProcessEngine],
] as const)('engines in %s', (_, create) => {
  async function load(modelPath: string): Promise<Engine> {
    const engine = create('test');
    engines.push(engine);
    await engine.load({ modelPath, contextSize: 2048, slots: 4, batchSize: 256, threads: 1 });
    return engine;
  }

  /** What each model says when it is the only one that computes. */
  async function alone(all: readonly Engine[]): Promise<Collected[][]> {
    const texts = [];
    for (const engine of all) texts.push(await answers(engine));
    return texts;
  }

  test(`4 at once say what they say alone, ${rounds} times over, each on its own thread`, async () => {
    const four = await Promise.all(paths.map(load));
    const expected = await alone(four);
    expect(new Set(expected.map((texts) => JSON.stringify(texts))).size).toBe(four.length);
    for (let round = 0; round < rounds; round++) {
      expect(await Promise.all(four.map(answers))).toEqual(expected);
    }
    const reports = await Promise.all(four.map(async (engine) => engine.inspect()));
    expect(new Set(reports.map(({ threads }) => threads.load)).size).toBe(four.length);
    for (const { threads } of reports) expect(threads.decode).toEqual([threads.load]);
  });

  test('8 at once are loaded at once, and say what they say alone', async () => {
    const eight = await Promise.all([...paths, ...paths].map(load));
    const expected = await alone(eight.slice(0, 4));
    for (let round = 0; round < 3; round++) {
      expect(await Promise.all(eight.map(answers))).toEqual([...expected, ...expected]);
    }
  });

  test('feed each other: what one makes is the next prompt of another, while both run', async () => {
    const [source, sink] = await Promise.all([load(draftModel), load(starterModel)]);
    const ask = async (prompt: string): Promise<Collected> =>
      collect(
        sink.generate(
          makeRequest({ prompt, stop: { maxTokens: 4, ignoreEos: true }, cache: { use: false } }),
        ),
      );
    const stop = { maxTokens: 2000, ignoreEos: true };
    const stream = source.generate(makeRequest({ prompt: 'Once upon a time', stop }));
    const fed: { prompt: string; answer: Collected }[] = [];
    let prompt = '';
    for await (const update of stream) {
      if (update.kind !== 'choice') continue;
      prompt += update.text;
      fed.push({ prompt, answer: await ask(prompt) });
      expect(source.pendingRequests).toBe(1);
      if (fed.length === 20) break;
    }
    expect(fed).toHaveLength(20);
    await source.idle();
    for (const { prompt: same, answer } of fed) expect(await ask(same)).toEqual(answer);
  });
});

import { afterEach, describe, expect, test } from 'vitest';
import type { Speculation } from '../../src/core/speculation.js';
import { createProcessEngine, createThreadEngine } from '../../src/engine/create-engine.js';
import type { Engine } from '../../src/engine/engine.js';
import { codeOf } from '../../src/testing/engine-conformance.js';
import { fixtureFillTokens, writeFillFixture } from '../../src/testing/gguf/fill-fixture.js';
import { fixtureNames, writeFixture } from '../../src/testing/gguf/fixtures.js';
import { collect, makeRequest, makeScoreRequest } from '../../src/testing/requests.js';
import { fixtureFolder, starterModel } from './fixture-folder.js';
import { ReferenceModel } from './reference-model.js';

const engines: Engine[] = [];

afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

async function load(
  modelPath: string,
  {
    create = createThreadEngine,
    speculation,
  }: { create?: typeof createThreadEngine; speculation?: Speculation } = {},
): Promise<Engine> {
  const engine = create('test');
  engines.push(engine);
  await engine.load({
    modelPath,
    contextSize: 1024,
    slots: 4,
    batchSize: 256,
    threads: 1,
    ...(speculation === undefined ? {} : { speculation }),
  });
  return engine;
}

/** How far log-probabilities may be apart that were computed in other batches: rounding, as in mixed-work.test.ts. */
const models = [
  { name: 'starter', path: () => starterModel, tolerance: 0.5 },
  ...fixtureNames.map((name) => ({
    name,
    path: () => writeFixture(name, fixtureFolder),
    tolerance: name === 'gemma3' ? 0.25 : 0.01,
  })),
];

const prompt =
  '<|im_start|>user\nSay: one two three, one two three, one two three.<|im_end|>\n<|im_start|>assistant\n';

function expectClose(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of actual.entries())
    expect(Math.abs(value - (expected[index] ?? NaN))).toBeLessThan(tolerance);
}

describe.each(models)('likelihoods of the $name model', ({ path, tolerance }) => {
  test('are what the library computes token by token, however they are sampled', async () => {
    const engine = await load(path());
    const reference = new ReferenceModel(path());
    const tokens = await engine.tokenize(prompt);
    const sampling = { temperature: 1.3, repetitionPenalty: 1.5, seed: 11 };
    const request = makeRequest({
      prompt: tokens,
      choices: 2,
      sampling,
      stop: { maxTokens: 24, ignoreEos: true },
      likelihoods: { top: 20 },
    });
    const { likelihoods, texts } = await collect(engine.generate(request));
    expect(likelihoods).toHaveLength(2);
    for (const [choice, drawn] of likelihoods.entries()) {
      expect(drawn).toHaveLength(24);
      expect(Buffer.concat(drawn.map(({ bytes }) => bytes)).toString()).toBe(texts[choice]);
      const own = drawn.map(({ token }) => token);
      expectClose(
        drawn.map(({ logProbability }) => logProbability),
        reference.logProbabilities(tokens, own),
        tolerance,
      );
      for (const { top } of drawn) {
        const logs = top.map(({ logProbability }) => logProbability);
        expect(logs).toHaveLength(20);
        expect(logs).toEqual(logs.toSorted((a, b) => b - a));
        expect(logs.reduce((sum, log) => sum + Math.exp(log), 0)).toBeLessThanOrEqual(1 + 1e-9);
        for (const one of top) expect(one.bytes.length === 0).toBe(one.name !== undefined);
      }
    }
    reference.dispose();
  });

  test('of a score are those of the generation that wrote the text', async () => {
    const engine = await load(path());
    const tokens = await engine.tokenize(prompt);
    const request = makeRequest({ prompt: tokens, stop: { maxTokens: 16 }, likelihoods: { top: 3 } });
    const [drawn = []] = (await collect(engine.generate(request))).likelihoods;
    if (drawn.length === 0) return; // a model with random weights may end at once
    const own = drawn.map(({ token }) => token);
    const { likelihoods = [], tokens: scored } = await engine.score(
      makeScoreRequest(tokens, own, { top: 3 }),
    );
    expect(scored).toEqual(own);
    const logs = (all: typeof likelihoods): number[] =>
      all.flatMap(({ logProbability, top }) => [logProbability, ...top.map((one) => one.logProbability)]);
    expectClose(logs(likelihoods), logs(drawn), tolerance);
    expect(likelihoods.map(({ token, bytes }) => [token, ...bytes])).toEqual(
      drawn.map(({ token, bytes }) => [token, ...bytes]),
    );
  });
});

test('likelihoods are the same with drafts, in a process of its own', async () => {
  const repeating = 'one two three four '.repeat(12);
  const told = [];
  for (const speculation of ['off', 'ngram'] as const) {
    const engine = await load(starterModel, { create: createProcessEngine, speculation });
    const request = makeRequest({
      prompt: repeating,
      stop: { maxTokens: 60, ignoreEos: true },
      likelihoods: { top: 5 },
    });
    const { likelihoods, texts } = await collect(engine.generate(request));
    const { draftTokens } = await engine.inspect();
    told.push({ likelihoods: likelihoods[0] ?? [], text: texts[0], draftTokens });
  }
  const [plain, drafted] = told;
  expect(plain?.draftTokens).toBe(0);
  expect(drafted?.draftTokens).toBeGreaterThan(0);
  expect(drafted?.likelihoods).toHaveLength(60);
  expect(Buffer.concat(drafted?.likelihoods.map(({ bytes }) => bytes) ?? []).toString()).toBe(drafted?.text);
  const reference = new ReferenceModel(starterModel);
  const engine = engines[0];
  const tokens = (await engine?.tokenize(repeating, { addSpecial: false, parseSpecial: false })) ?? [];
  for (const { likelihoods } of [plain, drafted].filter((one) => one !== undefined))
    expectClose(
      likelihoods.map(({ logProbability }) => logProbability),
      reference.logProbabilities(
        tokens,
        likelihoods.map(({ token }) => token),
      ),
      0.5,
    );
  reference.dispose();
});

describe('a text with a gap', () => {
  test('is the tokens that a model was trained on for it', async () => {
    const engine = await load(writeFillFixture(fixtureFolder));
    expect(engine.info.fillInMiddle).toEqual(fixtureFillTokens);
    const plain = { addSpecial: false, parseSpecial: false };
    const [before, after] = ['def add(a, b):<|im_end|>', '\n  return c\n'];
    const tokens = [
      fixtureFillTokens.prefix,
      ...(await engine.tokenize(before, plain)),
      fixtureFillTokens.suffix,
      ...(await engine.tokenize(after, plain)),
      fixtureFillTokens.middle,
    ];
    const filled = await collect(
      engine.generate({ ...makeRequest(), prompt: { kind: 'fill-in-middle', before, after } }),
    );
    expect(filled).toMatchObject({ promptTokens: tokens.length });
    expect(filled.texts).toEqual((await collect(engine.generate(makeRequest({ prompt: tokens })))).texts);
  });

  test('is refused by a model that was not trained on such', async () => {
    const engine = await load(starterModel);
    expect(engine.info.fillInMiddle).toBeUndefined();
    const request = {
      ...makeRequest(),
      prompt: { kind: 'fill-in-middle', before: 'a', after: 'b' },
    } as const;
    expect(await codeOf(collect(engine.generate(request)))).toBe('unsupported_by_model');
  });
});

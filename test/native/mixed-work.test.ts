import { afterEach, describe, expect, test } from 'vitest';
import type { Pooling } from '../../src/core/embedding.js';
import { createProcessEngine, createThreadEngine } from '../../src/engine/create-engine.js';
import type { Engine } from '../../src/engine/engine.js';
import { codeOf, until } from '../../src/testing/engine-conformance.js';
import { writeEncoderFixture, writePooledFixture } from '../../src/testing/gguf/embedding-fixtures.js';
import { fixtureNames, writeFixture } from '../../src/testing/gguf/fixtures.js';
import { collect, makeEmbedRequest, makeRequest, makeScoreRequest } from '../../src/testing/requests.js';
import { fixtureFolder, starterModel } from './fixture-folder.js';
import { ReferenceModel } from './reference-model.js';

const engines: Engine[] = [];

afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

async function load(modelPath: string, create = createThreadEngine): Promise<Engine> {
  const engine = create('test');
  engines.push(engine);
  await engine.load({ modelPath, contextSize: 2048, slots: 6, batchSize: 512, threads: 1 });
  return engine;
}

/**
 * How far results may be apart that were computed in other batches: log-probabilities by their difference, embeddings of
 * length 1 by their distance. It is rounding: of the last digits in F32, of attention's 16 bits, and in the quantised
 * starter model of the 8 bits to which it rounds what it multiplies. A result of another row or sequence would be whole
 * units away, and 0.1 or more.
 */
interface Model {
  readonly name: string;
  readonly path: () => string;
  readonly tolerances: Tolerances;
}

interface Tolerances {
  readonly score: number;
  readonly embedding: number;
}

const starter: Model = {
  name: 'starter',
  path: () => starterModel,
  tolerances: { score: 0.5, embedding: 0.03 },
};

const fixtures: readonly Model[] = fixtureNames.map((name) => ({
  name,
  path: () => writeFixture(name, fixtureFolder),
  tolerances: { score: name === 'gemma3' ? 0.25 : 0.01, embedding: 0.002 },
}));

function expectLogsClose(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual).toHaveLength(expected.length);
  const apart = actual.map((log, index) => Math.abs(log - (expected[index] ?? NaN)));
  expect(Math.max(...apart)).toBeLessThan(tolerance);
}

/** How far apart two embeddings point: the distance of what they are at length 1. */
function distance(one: ArrayLike<number> | undefined, other: ArrayLike<number>): number {
  const [left, right] = [Array.from(one ?? []), Array.from(other)];
  expect(left).toHaveLength(right.length);
  const [length, otherLength] = [Math.hypot(...left), Math.hypot(...right)];
  return Math.hypot(...left.map((value, index) => value / length - (right[index] ?? NaN) / otherLength));
}

const chat = (question: string): string => `<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`;

const story =
  'Once upon a time there was a small loom in a small house. Every day it made a little cloth, red and green. ' +
  'The old weaver was happy, and so was her cat, who slept below it until the evening came and the work was done. ';

const inputs = ['Hello!', 'The quick brown fox jumps over the lazy dog.', story, `${story}The end.`];

const scored = [
  ['What is the capital', ' of Japan? Tokyo is the capital of Japan.'],
  [story, 'And they all lived happily ever after.'],
  ['One', ` two three four. ${story}`],
] as const;

/** Greedy answers that hang on no close call, so that they are the same in any batch. */
const questions = ['Hello!', 'What is the capital of Japan?', 'What is the opposite of hot?'].map(chat);

describe.each([starter, ...fixtures])('the $name model', ({ path, tolerances }) => {
  test('scores as computing token by token does', async () => {
    const engine = await load(path());
    const reference = new ReferenceModel(path());
    for (const [prompt, continuation] of scored) {
      const score = await engine.score(makeScoreRequest(prompt, continuation));
      const tokens = await engine.tokenize(prompt, { addSpecial: false, parseSpecial: false });
      expect(score.promptTokens).toBe(tokens.length);
      const expected = reference.logProbabilities(tokens, score.tokens);
      expectLogsClose(score.logProbabilities, expected, tolerances.score);
      expect(score.sum).toBeCloseTo(
        score.logProbabilities.reduce((sum, log) => sum + log, 0),
        9,
      );
    }
    reference.dispose();
  });

  test('says of its own greedy text that no token is unlikely', async () => {
    const engine = await load(path());
    const prompt = await engine.tokenize(questions[1] ?? '');
    const { texts } = await collect(engine.generate(makeRequest({ prompt, stop: { maxTokens: 6 } })));
    const own = await engine.score(makeScoreRequest(prompt, texts[0] ?? ''));
    const other = await engine.score(makeScoreRequest(prompt, 'zq !! xk'));
    const perToken = ({ sum, tokens }: typeof own): number => sum / tokens.length;
    expect(perToken(own)).toBeGreaterThan(perToken(other));
  });

  test('embeds as the library pools', async () => {
    const engine = await load(path());
    const reference = new ReferenceModel(path());
    const plain = await engine.embed(makeEmbedRequest(inputs));
    const unit = await engine.embed(makeEmbedRequest(inputs, true));
    for (const [index, text] of inputs.entries()) {
      const tokens = await engine.tokenize(text, { addSpecial: false, parseSpecial: false });
      expect(plain[index]?.tokens).toBe(tokens.length);
      const expected = reference.embedding(tokens, 'mean');
      expect(distance(plain[index]?.embedding, expected)).toBeLessThan(tolerances.embedding);
      expect(distance(unit[index]?.embedding, expected)).toBeLessThan(tolerances.embedding);
      const length = Math.hypot(...expected);
      expect(Math.hypot(...(plain[index]?.embedding ?? [])) / length).toBeCloseTo(1, 1);
      expect(Math.hypot(...(unit[index]?.embedding ?? []))).toBeCloseTo(1, 5);
    }
    reference.dispose();
    // Else the above could not tell one input from another.
    const others = inputs
      .slice(1)
      .map((_, index) => distance(unit[0]?.embedding, unit[index + 1]?.embedding ?? []));
    expect(Math.min(...others)).toBeGreaterThan(10 * tolerances.embedding);
  });
});

const poolings = ['mean', 'first', 'last'] as const satisfies readonly Pooling[];

describe.each([
  ['an encoder', writeEncoderFixture],
  ['a causal model', (folder: string, pooling: Pooling) => writePooledFixture('qwen3', folder, pooling)],
] as const)('%s whose file asks for a pooling', (_, write) => {
  test.each(poolings)('embeds as the library pools: %s', async (pooling) => {
    const path = write(fixtureFolder, pooling);
    const engine = await load(path);
    expect(engine.info.embedding?.pooling).toBe(pooling);
    const reference = new ReferenceModel(path);
    const together = await engine.embed(makeEmbedRequest([...inputs, ...inputs], true));
    for (const [index, text] of inputs.entries()) {
      const tokens = await engine.tokenize(text, { addSpecial: false, parseSpecial: false });
      const expected = reference.embedding(tokens, pooling);
      expect(distance(together[index]?.embedding, expected)).toBeLessThan(0.005);
      expect(distance(together[index + inputs.length]?.embedding, expected)).toBeLessThan(0.005);
    }
    reference.dispose();
  });
});

describe('a model that can not do all kinds of work', () => {
  test('is asked in vain for the others, and does its own', async () => {
    const encoder = await load(writeEncoderFixture(fixtureFolder, 'mean'));
    expect(await codeOf(collect(encoder.generate(makeRequest())))).toBe('unsupported_by_model');
    expect(await codeOf(encoder.score(makeScoreRequest('a', 'b')))).toBe('unsupported_by_model');
    const most = encoder.info.batchSize;
    const tokens = Array.from({ length: most + 1 }, (_, index) => 300 + (index % 200));
    expect(await codeOf(encoder.embed(makeEmbedRequest([tokens])))).toBe('context_length_exceeded');
    expect(await encoder.embed(makeEmbedRequest([tokens.slice(1), 'short']))).toHaveLength(2);

    const reranker = await load(writePooledFixture('qwen3', fixtureFolder, 'rank'));
    expect(await codeOf(reranker.embed(makeEmbedRequest(['a'])))).toBe('unsupported_by_model');
    expect(await codeOf(collect(reranker.generate(makeRequest())))).toBe('unsupported_by_model');
  });
});

/** Everything that is done at once. */
async function allWork(engine: Engine, atOnce: boolean): Promise<unknown[][]> {
  const kinds: (() => Promise<unknown>)[][] = [
    questions.map((text) => async () => {
      const prompt = await engine.tokenize(text);
      return (await collect(engine.generate(makeRequest({ prompt, stop: { maxTokens: 24 } })))).texts;
    }),
    scored.map(
      ([prompt, text]) =>
        async () =>
          engine.score(makeScoreRequest(prompt, text)),
    ),
    inputs.map((input) => async () => engine.embed(makeEmbedRequest([input, 'and another one'], true))),
    inputs.map((text) => async () => engine.tokenize(text)),
  ];
  if (atOnce) return Promise.all(kinds.map(async (kind) => Promise.all(kind.map(async (run) => run()))));
  const results: unknown[][] = [];
  for (const kind of kinds) {
    const ofKind = [];
    for (const run of kind) ofKind.push(await run());
    results.push(ofKind);
  }
  return results;
}

type Results = [
  texts: unknown[],
  scores: { tokens: number[]; logProbabilities: number[] }[],
  embeddings: { embedding: Float32Array; tokens: number }[][],
  tokens: unknown[],
];

function expectSame(actual: unknown[][], expected: unknown[][], tolerances: Tolerances): void {
  const [[texts, scores, embeddings, tokens], [texts1, scores1, embeddings1, tokens1]] = [
    actual as Results,
    expected as Results,
  ];
  expect(texts).toEqual(texts1);
  expect(tokens).toEqual(tokens1);
  for (const [index, score] of scores.entries()) {
    expect(score.tokens).toEqual(scores1[index]?.tokens);
    expectLogsClose(score.logProbabilities, scores1[index]?.logProbabilities ?? [], tolerances.score);
  }
  for (const [index, results] of embeddings.entries()) {
    for (const [input, { embedding, tokens: count }] of results.entries()) {
      expect(count).toBe(embeddings1[index]?.[input]?.tokens);
      expect(distance(embedding, embeddings1[index]?.[input]?.embedding ?? [])).toBeLessThan(
        tolerances.embedding,
      );
    }
  }
}

/** An attention model, one with states as well, one with a sliding window: and the one that is quantised. */
const mixed = [starter, ...fixtures.filter(({ name }) => ['llama', 'falcon-h1', 'gemma3'].includes(name))];

describe.each([
  ['threads', createThreadEngine],
  ['processes', createProcessEngine],
] as const)('work of all kinds at once, in %s,', (_, create) => {
  test.each(mixed)(
    'gives on a $name model what each gives alone, 8 times over',
    async ({ path, tolerances }) => {
      const engine = await load(path(), create);
      const alone = await allWork(engine, false);
      expect((await engine.inspect()).widestStep).toBeLessThanOrEqual(2);
      for (let round = 0; round < 8; round++) expectSame(await allWork(engine, true), alone, tolerances);
      const report = await engine.inspect();
      expect(report.widestStep).toBeGreaterThan(3);
      expect(report).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
    },
  );

  test('gives on four engines at once what each gives alone', async () => {
    const four = await Promise.all(mixed.map(async ({ path }) => load(path(), create)));
    const alone = [];
    for (const engine of four) alone.push(await allWork(engine, false));
    for (let round = 0; round < 3; round++) {
      const together = await Promise.all(four.map(async (engine) => allWork(engine, true)));
      for (const [index, results] of together.entries())
        expectSame(results, alone[index] ?? [], mixed[index]?.tolerances ?? starter.tolerances);
    }
    const reports = await Promise.all(four.map(async (engine) => engine.close()));
    for (const report of reports) expect(report).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
  });
});

test('clients that leave in the middle of any kind of work change nothing for those that stay', async () => {
  const engine = await load(writeFixture('llama', fixtureFolder));
  const alone = await allWork(engine, false);
  for (let round = 0; round < 5; round++) {
    const controller = new AbortController();
    const leaving = [
      engine.embed(makeEmbedRequest(Array.from({ length: 200 }, () => story.repeat(3))), controller),
      engine.score(makeScoreRequest(story, story.repeat(10)), controller),
    ].map(codeOf);
    const staying = allWork(engine, true);
    const { steps } = await engine.inspect();
    while ((await engine.inspect()).steps < steps + 2 + round);
    controller.abort();
    expect(await Promise.all(leaving)).toEqual(['request_cancelled', 'request_cancelled']);
    expectSame(await staying, alone, { score: 0.01, embedding: 0.002 });
  }
  await until(() => engine.pendingRequests === 0);
  expect(await engine.inspect()).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
});

import { afterEach, describe, expect, test } from 'vitest';
import type { Pooling } from '../../src/core/embedding.js';
import { createThreadEngine } from '../../src/engine/create-engine.js';
import type { Engine } from '../../src/engine/engine.js';
import { writeEncoderFixture, writePooledFixture } from '../../src/testing/gguf/embedding-fixtures.js';
import { makeEmbedRequest } from '../../src/testing/requests.js';
import { fixtureFolder } from './fixture-folder.js';
import { ReferenceModel } from './reference-model.js';

const engines: Engine[] = [];

afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

async function load(modelPath: string): Promise<Engine> {
  const engine = createThreadEngine('test');
  engines.push(engine);
  await engine.load({ modelPath, contextSize: 2048, slots: 6, batchSize: 512, threads: 1 });
  return engine;
}

const inputs = [
  'Hello!',
  'The quick brown fox jumps over the lazy dog.',
  'x',
  'A heddle leads each thread of the warp through an eye of its own. '.repeat(4),
  'One two three',
  'What is the capital of Japan? '.repeat(9),
  'The weaver makes cloth.',
  'The weaver makes cloth!',
];

/** Of the inputs, as they come in a request. */
const orders = [
  [0, 1, 2, 3, 4, 5, 6, 7],
  [7, 6, 5, 4, 3, 2, 1, 0],
  [3, 0, 6, 1, 7, 4, 2, 5],
  [5, 3, 5, 3, 0, 0, 0, 2],
];

/**
 * The distance, of embeddings of length 1, that rounding is allowed: sums in F32 in another order, and attention in 16
 * bits. Measured are 0.0005 at most; the closest two inputs are 0.19 apart.
 */
const tolerance = 0.002;

function distance(one: ArrayLike<number>, other: ArrayLike<number>): number {
  expect(one).toHaveLength(other.length);
  const lengths = [one, other].map((numbers) => Math.hypot(...Array.from(numbers)));
  const [left = NaN, right = NaN] = lengths;
  return Math.hypot(...Array.from(one, (value, index) => value / left - (other[index] ?? NaN) / right));
}

const poolings = ['mean', 'first', 'last'] as const satisfies readonly Pooling[];
const models = {
  'an encoder': (pooling: Pooling) => writeEncoderFixture(fixtureFolder, pooling),
  'a causal model': (pooling: Pooling) => writePooledFixture('qwen3', fixtureFolder, pooling),
};

describe.each(Object.entries(models))('embeddings of %s', (_, write) => {
  test.each(poolings)(
    "are the library's own, pooled by %s: alone, and in batches of any order",
    async (pooling) => {
      const path = write(pooling);
      const engine = await load(path);
      expect(engine.info).toMatchObject({ kind: 'embedding', embedding: { pooling } });
      const reference = new ReferenceModel(path);
      const expected: number[][] = [];
      for (const text of inputs) {
        const tokens = await engine.tokenize(text, { addSpecial: false, parseSpecial: false });
        expected.push(reference.embedding(tokens, pooling));
      }
      reference.dispose();
      const apart = expected.flatMap((one, index) =>
        expected.slice(index + 1).map((other) => distance(one, other)),
      );
      // The first token of a causal model sees nothing else, and some inputs begin alike.
      const telling = pooling === 'first' ? Math.max(...apart) : Math.min(...apart);
      expect(telling).toBeGreaterThan(10 * tolerance);
      for (const [index, text] of inputs.entries()) {
        const [alone] = await engine.embed(makeEmbedRequest([text], true));
        expect(distance(alone?.embedding ?? [], expected[index] ?? [])).toBeLessThan(tolerance);
        expect(Math.hypot(...(alone?.embedding ?? []))).toBeCloseTo(1, 5);
      }
      for (const order of orders) {
        const results = await engine.embed(
          makeEmbedRequest(
            order.map((index) => inputs[index] ?? ''),
            true,
          ),
        );
        for (const [place, index] of order.entries())
          expect(distance(results[place]?.embedding ?? [], expected[index] ?? [])).toBeLessThan(tolerance);
      }
    },
  );
});

describe.each(Object.entries(models))('requests at once to %s', (_, write) => {
  test('share decode calls, and have what each has alone', async () => {
    const engine = await load(write('mean'));
    const short = inputs.filter((text) => text.length < 50);
    const alone: Float32Array[] = [];
    for (const text of short) {
      const [result] = await engine.embed(makeEmbedRequest([text], true));
      alone.push(result?.embedding ?? new Float32Array(0));
    }
    const before = (await engine.inspect()).steps;
    const together = await Promise.all(
      short.map(async (text) => engine.embed(makeEmbedRequest([text], true))),
    );
    for (const [index, [result]] of together.entries())
      expect(distance(result?.embedding ?? [], alone[index] ?? [])).toBeLessThan(tolerance);
    const { steps, recentSteps } = await engine.inspect();
    expect(steps - before).toBeLessThan(short.length);
    const requests = recentSteps
      .slice(-(steps - before))
      .map(({ rows }) => new Set(rows.map((row) => row.requestId)).size);
    expect(Math.max(...requests)).toBeGreaterThan(1);
  });
});

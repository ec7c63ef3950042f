import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EmbedRequest } from '../core/embedding.js';
import type { ErrorData } from '../core/errors.js';
import type { GenerateRequest, Token } from '../core/generation.js';
import type { Score, ScoreRequest } from '../core/scoring.js';
import { FakeRunner } from '../testing/fake-runner.js';
import { makeEmbedRequest, makeRequest, makeScoreRequest } from '../testing/requests.js';
import { AbortBoard } from './abort-board.js';
import { EngineCore } from './engine-core.js';

/** What a request came to, whatever its kind. */
interface Outcome {
  text: string;
  score: Score | undefined;
  embeddings: Float32Array[];
  error: ErrorData | undefined;
}

type Room = { contextSize?: number; slots?: number; batchSize?: number };

/** An engine core on a fake model, stepped by hand, with work of all kinds. */
class Bench {
  readonly board = new AbortBoard();
  readonly runner: FakeRunner;
  readonly core: EngineCore;
  readonly #outcomes = new Map<string, Outcome>();
  #nextLane = 0;

  constructor(modelPath = 'fake:', room: Room = {}) {
    const options = { contextSize: 512, slots: 4, batchSize: 64, threads: 1, ...room };
    this.runner = new FakeRunner({ modelPath, ...options }, this.board.flag);
    this.core = new EngineCore(this.runner, this.board);
  }

  /** Queues a request and returns its lane. */
  add(request: GenerateRequest | ScoreRequest | EmbedRequest): number {
    const lane = this.#nextLane++;
    this.#outcomes.set(request.id, { text: '', score: undefined, embeddings: [], error: undefined });
    if ('inputs' in request) this.core.embed(request, lane);
    else if ('continuation' in request) this.core.score(request, lane);
    else this.core.generate(request, lane);
    return lane;
  }

  step(): void {
    this.core.step();
  }

  run(): void {
    for (let steps = 0; !this.core.idle; steps++) {
      if (steps > 5000) throw new Error('the engine does not come to an end');
      this.step();
    }
  }

  outcome({ id }: { id: string }): Outcome {
    for (const update of this.core.takeUpdates()) {
      const outcome = this.#outcomes.get(update.requestId);
      if (outcome === undefined) throw new Error('an update of an unknown request');
      if (update.kind === 'choice') outcome.text += update.text;
      else if (update.kind === 'score') outcome.score = update.score;
      else if (update.kind === 'embedding') outcome.embeddings[update.input] = update.embedding;
      else if (update.kind === 'failed') outcome.error = update.error;
    }
    const outcome = this.#outcomes.get(id);
    if (outcome === undefined) throw new Error('nothing was heard of the request');
    return outcome;
  }

  /**
   * Aborts the step at every so many rows, as for a client that had just left it. Not for ever: where the memory can not
   * be cut, sequences of more rows than that would never come to their end.
   */
  abortEvery(count: number): void {
    let rows = 0;
    this.runner.beforeRow = () => {
      if (++rows % count === 0 && rows < 20 * count) Atomics.store(this.board.flag, 0, 1);
    };
  }

  /** Rows of each of the latest steps. */
  get rowCounts(): number[] {
    return this.core.inspect().recentSteps.map(({ rows }) => rows.reduce((sum, { count }) => sum + count, 0));
  }
}

function outcomeAlone(request: GenerateRequest | ScoreRequest | EmbedRequest, modelPath = 'fake:'): Outcome {
  const bench = new Bench(modelPath);
  bench.add(request);
  bench.run();
  return bench.outcome(request);
}

function bytes(text: string): Token[] {
  return [...new TextEncoder().encode(text)];
}

/** What is read after each token, of a runner of its own that computes one token at a time. */
function tokenByToken<T>(tokens: readonly Token[], read: (runner: FakeRunner, index: number) => T): T[] {
  const room = { contextSize: 512, slots: 1, batchSize: 1, threads: 1 };
  const runner = new FakeRunner({ modelPath: 'fake:', ...room }, new Uint8Array(2));
  return tokens.map((token, start) => {
    const span = { sequenceId: 1, slot: 0, start, tokens: [token], output: true };
    runner.decode({ spans: [span], rows: 1, embeds: true });
    return read(runner, start);
  });
}

const long = 'a text that needs several steps, since there are many rows with results in it';

describe('a score', () => {
  test.each([
    ['a', 'b'],
    ['once upon a time', ' there was a loom'],
    ['x', long],
    [long, '!'],
  ])('of %j and %j is what computing token by token gives', (prompt, continuation) => {
    const bench = new Bench('fake:?outputRows=8', { batchSize: 24 });
    const request = makeScoreRequest(prompt, continuation);
    bench.add(request);
    bench.run();
    const tokens = bytes(prompt + continuation);
    const all = tokenByToken(tokens, (runner, index) => runner.logProbability(0, tokens[index + 1] ?? 0));
    const expected = all.slice(bytes(prompt).length - 1, -1);
    expect(bench.outcome(request).score).toEqual({
      promptTokens: bytes(prompt).length,
      tokens: bytes(continuation),
      logProbabilities: expected,
      sum: expected.reduce((sum, log) => sum + log, 0),
    });
  });

  test('never makes a step longer than a chunk of a prompt, nor asks for more results than there may be', () => {
    const bench = new Bench('fake:?outputRows=8', { batchSize: 24 });
    bench.add(makeScoreRequest(long.slice(0, 40), long));
    bench.run();
    expect(bench.rowCounts.slice(0, 3)).toEqual([24, 23, 8]);
    expect(Math.max(...bench.rowCounts.slice(2))).toBe(8);
  });
});

describe('an embedding', () => {
  const rowsOf = (text: string): Float32Array[] =>
    tokenByToken(bytes(text), (runner) => runner.rowEmbedding(0));

  test.each(['a', 'some words', long])('of %j is the mean over its tokens, by default', (text) => {
    const rows = rowsOf(text);
    const [embedding] = outcomeAlone(makeEmbedRequest([text]), 'fake:?outputRows=8').embeddings;
    for (const [index, value] of (embedding ?? new Float32Array(0)).entries()) {
      const sum = rows.reduce((total, row) => total + (row[index] ?? NaN), 0);
      expect(value).toBeCloseTo(sum / rows.length, 6);
    }
    expect(embedding).toHaveLength(16);
  });

  test('is of the token that the model asks for', () => {
    const rows = rowsOf(long);
    const request = makeEmbedRequest([long]);
    expect(outcomeAlone(request, 'fake:?pooling=first').embeddings).toEqual([rows[0]]);
    expect(outcomeAlone(request, 'fake:?pooling=last').embeddings).toEqual([rows.at(-1)]);
  });

  test('of the last token is computed as a prompt is, but for that token', () => {
    const bench = new Bench('fake:?pooling=last&outputRows=8');
    bench.add(makeEmbedRequest(['x'.repeat(100)]));
    bench.run();
    expect(bench.rowCounts).toEqual([64, 35, 1]);
  });

  test('of many inputs keeps a later request waiting for as many of them as can run, not for all', () => {
    const bench = new Bench('fake:?outputRows=8', { slots: 2 });
    const many = makeEmbedRequest(Array.from({ length: 100 }, (_, index) => `input number ${index}`));
    const later = makeRequest({ stop: { maxTokens: 1 } });
    bench.add(many);
    bench.add(later);
    while (bench.outcome(later).text === '') bench.step();
    expect(bench.outcome(many).embeddings.filter(Boolean).length).toBeLessThan(5);
    bench.run();
    expect(bench.outcome(many).embeddings.filter(Boolean)).toHaveLength(100);
  });

  test('leaves those that generate a row in each of its steps', () => {
    const bench = new Bench('fake:?outputRows=8');
    const streaming = makeRequest({ stop: { maxTokens: 100, ignoreEos: true } });
    bench.add(streaming);
    bench.step();
    bench.add(makeEmbedRequest(['x'.repeat(200)]));
    for (let step = 0; step < 20; step++) bench.step();
    const { recentSteps } = bench.core.inspect();
    for (const { rows } of recentSteps.slice(1)) {
      expect(rows.map(({ count }) => count)).toEqual([1, 7]);
      expect(rows[0]?.requestId).toBe(streaming.id);
    }
  });

  test('whose client leaves in the middle aborts the step that is mostly its own, and its other inputs', () => {
    const bench = new Bench('fake:?outputRows=8');
    const leaving = makeEmbedRequest(Array.from({ length: 20 }, () => 'x'.repeat(100)));
    const lane = bench.add(leaving);
    bench.step();
    let rows = 0;
    bench.runner.beforeRow = (row) => {
      rows++;
      if (row === 3) bench.board.cancel(lane);
    };
    bench.step();
    expect(rows).toBe(4);
    expect(bench.core.inspect().abortedSteps).toBe(1);
    bench.core.cancel(leaving.id);
    expect(bench.core.idle).toBe(true);
    expect(bench.outcome(leaving).error?.code).toBe('request_cancelled');
  });

  test('is not counted twice when its step is aborted, or when it loses its cells', () => {
    for (const modelPath of ['fake:?outputRows=8', 'fake:?outputRows=8&canCut=false']) {
      const request = makeEmbedRequest([long, long.slice(5)]);
      const expected = outcomeAlone({ ...request, id: 'alone' }, modelPath);
      const bench = new Bench(modelPath);
      bench.add(request);
      bench.abortEvery(37);
      bench.run();
      expect(bench.outcome(request)).toEqual(expected);
      expect(bench.core.inspect().abortedSteps).toBeGreaterThan(0);
    }
  });
});

describe('an encoder', () => {
  test('embeds inputs whole, several in one step', () => {
    const bench = new Bench('fake:?causal=false', { batchSize: 64 });
    const request = makeEmbedRequest(['x'.repeat(30), 'y'.repeat(30), 'z'.repeat(64), 'w']);
    bench.add(request);
    bench.run();
    expect(bench.rowCounts).toEqual([61, 64]);
    expect(new Set(bench.outcome(request).embeddings.map(String)).size).toBe(4);
  });

  test('can not read an input that is longer than a step', () => {
    const { error } = outcomeAlone(makeEmbedRequest(['fits', 'x'.repeat(65)]), 'fake:?causal=false');
    expect(error).toMatchObject({ code: 'context_length_exceeded', param: 'inputs[1]' });
  });

  test('reads the whole input: its embedding hangs on every token, whichever is pooled', () => {
    const of = (text: string): string =>
      String(outcomeAlone(makeEmbedRequest([text]), 'fake:?causal=false&pooling=first').embeddings);
    expect(of('same start, this end')).not.toBe(of('same start, that end'));
  });

  test('whose step fails serves the next request', () => {
    const bench = new Bench('fake:?causal=false&failAtDecode=1');
    const [failing, next] = [makeEmbedRequest(['a', 'b']), makeEmbedRequest(['a', 'b'])];
    bench.add(failing);
    bench.step();
    expect(bench.outcome(failing).error?.code).toBe('native_call_failed');
    bench.add(next);
    bench.run();
    expect(bench.outcome(next)).toEqual(outcomeAlone(makeEmbedRequest(['a', 'b']), 'fake:?causal=false'));
  });
});

test('a step that fails ends the running requests of every kind, each with its error, and no other', () => {
  const bench = new Bench('fake:?failAtDecode=2&outputRows=8', { slots: 3 });
  const running = [makeRequest(), makeScoreRequest('abc', long), makeEmbedRequest([long, long])];
  const waiting = makeScoreRequest('abc', 'def');
  for (const request of [...running, waiting]) bench.add(request);
  bench.run();
  for (const request of running) expect(bench.outcome(request).error?.code).toBe('native_call_failed');
  expect(bench.outcome(waiting)).toEqual(outcomeAlone(makeScoreRequest('abc', 'def')));
  expect(bench.core.inspect()).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
});

describe('whatever comes at once', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' '), minLength: 1, maxLength: 70 });
  const request = fc.record({
    kind: fc.constantFrom('generate', 'score', 'embed'),
    texts: fc.array(text, { minLength: 2, maxLength: 5 }),
    arrives: fc.nat(20),
    leavesAfter: fc.option(fc.nat(15), { nil: undefined, freq: 4 }),
  });
  const room = fc.record({
    outputRows: fc.integer({ min: 1, max: 20 }),
    slots: fc.integer({ min: 1, max: 5 }),
    batchSize: fc.integer({ min: 8, max: 40 }),
    contextSize: fc.integer({ min: 140, max: 240 }),
    canCut: fc.boolean(),
    abortEvery: fc.option(fc.integer({ min: 25, max: 90 }), { nil: undefined }),
    pooling: fc.constantFrom('mean', 'first', 'last'),
  });

  test('every request that stays has the result that it has alone', () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 10 }), room, (given, options) => {
        const { outputRows, canCut, abortEvery, pooling, ...size } = options;
        const path = `fake:?outputRows=${outputRows}&canCut=${canCut}&pooling=${pooling}`;
        const bench = new Bench(path, size);
        if (abortEvery !== undefined) bench.abortEvery(abortEvery);
        const jobs = given.map(({ kind, texts, ...times }) => {
          const [first = '', second = ''] = texts;
          if (kind === 'embed') return { request: makeEmbedRequest(texts), ...times };
          if (kind === 'score') return { request: makeScoreRequest(first, second), ...times };
          return { request: makeRequest({ prompt: first, choices: 1, stop: { maxTokens: 9 } }), ...times };
        });
        for (let step = 0; step <= 20 || !bench.core.idle; step++) {
          for (const job of jobs) {
            if (job.arrives === step) bench.add(job.request);
            if (job.arrives + (job.leavesAfter ?? NaN) === step) bench.core.cancel(job.request.id);
          }
          bench.step();
          if (step > 5000) throw new Error('the engine does not come to an end');
        }
        for (const job of jobs) {
          const outcome = bench.outcome(job.request);
          const cancelled = outcome.error?.code === 'request_cancelled' && job.leavesAfter !== undefined;
          const alone = outcomeAlone({ ...job.request, id: 'alone' }, `fake:?pooling=${pooling}`);
          expect(cancelled ? alone : outcome).toEqual(alone);
        }
        expect(bench.core.inspect()).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
      }),
      { numRuns: 150 },
    );
  });
});

import assert from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import type { ErrorData } from '../core/errors.js';
import type { GenerateRequest } from '../core/generation.js';
import type { RequestUpdate } from '../core/request-update.js';
import { FakeRunner } from '../testing/fake-runner.js';
import { endToken, fakeVocabularySize } from '../testing/fake-vocabulary.js';
import { makeRequest } from '../testing/requests.js';
import { AbortBoard } from './abort-board.js';
import { EngineCore } from './engine-core.js';

/** What a request came to. */
interface Outcome {
  texts: string[];
  finishes: ({ reason: string; stopString?: string } | undefined)[];
  completionTokens: number[];
  promptTokens: number | undefined;
  error: ErrorData | undefined;
}

/** An engine core on a fake model, stepped by hand. */
class Bench {
  readonly board = new AbortBoard();
  readonly runner: FakeRunner;
  readonly core: EngineCore;
  readonly #outcomes = new Map<string, Outcome>();
  #nextLane = 0;

  constructor(
    modelPath = 'fake:',
    room: { contextSize?: number; slots?: number; batchSize?: number; interTokenTarget?: number } = {},
  ) {
    const { interTokenTarget = 0, ...size } = room;
    const options = { contextSize: 512, slots: 4, batchSize: 64, threads: 1, ...size };
    this.runner = new FakeRunner({ modelPath, ...options }, this.board.flag);
    this.core = new EngineCore(this.runner, this.board, { threads: 1, interTokenTarget });
  }

  /** Queues a request and returns its lane. */
  add(request: GenerateRequest): number {
    const lane = this.#nextLane++;
    this.core.generate(request, lane);
    return lane;
  }

  step(): void {
    this.core.step();
    for (const update of this.core.takeUpdates()) this.#note(update);
  }

  /** Steps until nothing is left to do. */
  run(): void {
    for (let steps = 0; !this.core.idle; steps++) {
      if (steps > 5000) throw new Error('the engine does not come to an end');
      this.step();
    }
  }

  outcome(request: GenerateRequest): Outcome {
    for (const update of this.core.takeUpdates()) this.#note(update);
    const outcome = this.#outcomes.get(request.id);
    if (outcome === undefined) throw new Error('nothing was heard of the request');
    return outcome;
  }

  /** The text of a request's only choice, once it is done. */
  text(request: GenerateRequest): string {
    this.add(request);
    this.run();
    return this.outcome(request).texts[0] ?? '';
  }

  #note(update: RequestUpdate): void {
    const outcome: Outcome = this.#outcomes.get(update.requestId) ?? {
      texts: [],
      finishes: [],
      completionTokens: [],
      promptTokens: undefined,
      error: undefined,
    };
    this.#outcomes.set(update.requestId, outcome);
    if (update.kind === 'accepted') outcome.promptTokens = update.promptTokens;
    else if (update.kind === 'failed') outcome.error = update.error;
    else if (update.kind === 'choice') {
      const { choice, text, finish, completionTokens } = update;
      assert.ok(finish !== undefined || !text.includes('\uFFFD'));
      assert.equal(outcome.finishes[choice], undefined);
      outcome.texts[choice] = (outcome.texts[choice] ?? '') + text;
      outcome.finishes[choice] = finish;
      outcome.completionTokens[choice] = completionTokens;
    }
  }
}

const long = (length: number): string => 'long ago in a far away land '.repeat(length).slice(0, length);

describe('a request', () => {
  test('is accepted with its prompt count, and generates up to its limit', () => {
    const bench = new Bench();
    const request = makeRequest({ prompt: 'hello', stop: { maxTokens: 7 } });
    bench.add(request);
    bench.run();
    expect(bench.outcome(request)).toMatchObject({
      promptTokens: 5,
      completionTokens: [7],
      finishes: [{ reason: 'length' }],
    });
  });

  test('may be tokens', () => {
    const bench = new Bench();
    const tokens = [...new TextEncoder().encode('hello')];
    expect(bench.text(makeRequest({ prompt: tokens }))).toBe(bench.text(makeRequest({ prompt: 'hello' })));
  });

  test('with the same seed gives the same text, with another seed another text', () => {
    const bench = new Bench();
    const text = (seed?: number): string =>
      bench.text(makeRequest({ sampling: { temperature: 1, ...(seed === undefined ? {} : { seed }) } }));
    expect(text(5)).toBe(text(5));
    expect(text(6)).not.toBe(text(5));
    expect(text()).not.toBe(text());
  });

  test('ends at the end of the context with "length"', () => {
    const bench = new Bench('fake:', { contextSize: 64 });
    const request = makeRequest({ prompt: 'x'.repeat(60), stop: { maxTokens: 100 } });
    bench.add(request);
    bench.run();
    expect(bench.outcome(request)).toMatchObject({ completionTokens: [4], finishes: [{ reason: 'length' }] });
  });

  test('without a limit generates as much as the context holds', () => {
    const bench = new Bench('fake:', { contextSize: 64 });
    const { maxTokens: _, ...stop } = makeRequest().stop;
    const request = { ...makeRequest({ prompt: 'abcd' }), stop };
    bench.add(request);
    bench.run();
    expect(bench.outcome(request).completionTokens).toEqual([60]);
  });

  test.each([
    ['', 'invalid_parameter'],
    ['x'.repeat(64), 'context_length_exceeded'],
    ['x'.repeat(1000), 'context_length_exceeded'],
  ] as const)('with the prompt %j fails at once with %s', (prompt, code) => {
    const bench = new Bench('fake:', { contextSize: 64 });
    const request = makeRequest({ prompt });
    bench.add(request);
    expect(bench.outcome(request).error?.code).toBe(code);
    expect(bench.core.idle).toBe(true);
  });

  test.each([-1, fakeVocabularySize, 0.5, Number.NaN])('with the token %d fails at once', (token) => {
    const bench = new Bench();
    const request = makeRequest({ prompt: [1, token, 2] });
    bench.add(request);
    expect(bench.outcome(request).error?.code).toBe('invalid_parameter');
    expect(bench.core.idle).toBe(true);
  });

  test.each([{ choices: 0 }, { choices: 1.5 }, { stop: { maxTokens: 0 } }])(
    'that asks for nothing fails at once: %j',
    (parts) => {
      const bench = new Bench();
      const request = makeRequest(parts);
      bench.add(request);
      expect(bench.outcome(request).error?.code).toBe('invalid_parameter');
      expect(bench.core.idle).toBe(true);
    },
  );

  test('whose sampler is refused leaves nothing behind', () => {
    const bench = new Bench();
    const request = makeRequest({ choices: 3, sampling: { logitBias: [[999, 1]] } });
    bench.add(request);
    expect(bench.outcome(request).error?.code).toBe('invalid_parameter');
    expect(bench.core.inspect()).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
  });

  test('that fills the context but for one token generates one', () => {
    const bench = new Bench('fake:', { contextSize: 64 });
    const request = makeRequest({ prompt: 'x'.repeat(63) });
    bench.add(request);
    bench.run();
    expect(bench.outcome(request).completionTokens).toEqual([1]);
  });
});

describe('the end of a text', () => {
  const script = 'The loom, the heddle and the 🧵 thread.';
  const bench = (): Bench => new Bench(`fake:?scriptedText=${encodeURIComponent(script)}`);
  const outcome = (stop: Parameters<typeof makeRequest>[0]): Outcome => {
    const engine = bench();
    const request = makeRequest(stop);
    engine.add(request);
    engine.run();
    return engine.outcome(request);
  };

  test('is the end token, which is not counted and not shown', () => {
    expect(outcome({ stop: { maxTokens: 100 } })).toMatchObject({
      texts: [script],
      finishes: [{ reason: 'stop' }],
      completionTokens: [new TextEncoder().encode(script).length],
    });
  });

  test('is the token limit', () => {
    expect(outcome({ stop: { maxTokens: 8 } })).toMatchObject({
      texts: ['The loom'],
      finishes: [{ reason: 'length' }],
    });
  });

  test('is a stop string, of which nothing is shown', () => {
    expect(outcome({ stop: { maxTokens: 100, stopStrings: [' the 🧵', 'heddle is'] } })).toMatchObject({
      texts: ['The loom, the heddle and'],
      finishes: [{ reason: 'stop', stopString: ' the 🧵' }],
    });
  });

  test('is a stop token', () => {
    expect(outcome({ stop: { maxTokens: 100, stopTokens: [','.charCodeAt(0)] } })).toMatchObject({
      texts: ['The loom'],
      finishes: [{ reason: 'stop' }],
      completionTokens: [8],
    });
  });

  test('is not the end token when that is ignored', () => {
    const engine = new Bench('fake:?endAfter=3');
    const [ending, going] = [makeRequest(), makeRequest({ stop: { ignoreEos: true } })];
    engine.add(ending);
    engine.add(going);
    engine.run();
    expect(engine.outcome(ending)).toMatchObject({ completionTokens: [3], finishes: [{ reason: 'stop' }] });
    expect(engine.outcome(going)).toMatchObject({ completionTokens: [16], finishes: [{ reason: 'length' }] });
  });

  test('is the end token when a bias forces it', () => {
    const engine = new Bench();
    const request = makeRequest({ sampling: { logitBias: [[endToken, 100]] } });
    engine.add(request);
    engine.run();
    expect(engine.outcome(request)).toMatchObject({ texts: [''], finishes: [{ reason: 'stop' }] });
  });
});

describe('reasoning', () => {
  const script = '<think>abcdefghij</think>The answer.';
  const reasoningLimit = { tokens: 4, open: '<think>', close: '</think>', closing: '\n</think>\n' };
  const url = `fake:?scriptedText=${encodeURIComponent(script)}`;
  const closed = '<think>abcd\n</think>\nefghij</think>';

  test('that is too long is ended, of every choice, and its model goes on from there', () => {
    const bench = new Bench(url);
    const request = { ...makeRequest({ choices: 2, stop: { maxTokens: closed.length } }), reasoningLimit };
    bench.add(request);
    bench.run();
    expect(bench.outcome(request)).toMatchObject({
      texts: [closed, closed],
      completionTokens: [closed.length, closed.length],
    });
  });

  test('that is short enough is left alone', () => {
    const request = {
      ...makeRequest({ stop: { maxTokens: 100 } }),
      reasoningLimit: { ...reasoningLimit, tokens: 99 },
    };
    expect(new Bench(url).text(request)).toBe(script);
  });

  test('is ended at the same token when its sequence has lost its cells', () => {
    // The cells hold less than two of these requests at their ends.
    const bench = new Bench(url, { contextSize: 64 });
    const requests = ['x', 'yy', 'zzz'].map((prompt) => ({
      ...makeRequest({ prompt, stop: { maxTokens: closed.length } }),
      reasoningLimit,
    }));
    for (const request of requests) bench.add(request);
    bench.run();
    for (const request of requests) expect(bench.outcome(request).texts).toEqual([closed]);
    expect(bench.core.inspect().preemptions).toBeGreaterThan(0);
  });

  test('can not be limited to less than nothing, nor ended by what does not end it', () => {
    const bench = new Bench();
    for (const wrong of [
      { tokens: -1 },
      { tokens: 1.5 },
      { closing: 'enough' },
      { close: '' },
      { open: '' },
    ]) {
      const request = { ...makeRequest(), reasoningLimit: { ...reasoningLimit, ...wrong } };
      bench.add(request);
      expect(bench.outcome(request).error?.code).toBe('invalid_parameter');
    }
  });
});

describe('requests together', () => {
  const prompts = ['one', 'two and a half', long(100), 'four', long(30), 'six'];
  const sampling = { temperature: 1, seed: 3 };

  test.each(['fake:', 'fake:?canCut=false'])('have the texts they have alone: %s', (modelPath) => {
    const alone = prompts.map((prompt) => new Bench(modelPath).text(makeRequest({ prompt, sampling })));
    const bench = new Bench(modelPath, { batchSize: 24 });
    const requests = prompts.map((prompt) => makeRequest({ prompt, sampling }));
    for (const request of requests) bench.add(request);
    bench.run();
    expect(requests.map((request) => bench.outcome(request).texts[0])).toEqual(alone);
    expect(bench.core.inspect().widestStep).toBe(4);
  });

  test('that lose their cells to others have the texts they have alone', () => {
    const alone = prompts.map((prompt) =>
      new Bench().text(makeRequest({ prompt, sampling, stop: { maxTokens: 60 } })),
    );
    const bench = new Bench('fake:', { contextSize: 170 });
    const requests = prompts.map((prompt) => makeRequest({ prompt, sampling, stop: { maxTokens: 60 } }));
    for (const request of requests) bench.add(request);
    bench.run();
    expect(requests.map((request) => bench.outcome(request).texts[0])).toEqual(alone);
    expect(bench.core.inspect().preemptions).toBeGreaterThan(0);
  });

  test.each(['fake:?cells=90', 'fake:?cells=90&canCut=false'])(
    'have the texts they have alone when the cache has less room than it said: %s',
    (modelPath) => {
      const ask = (prompt: string): GenerateRequest => makeRequest({ prompt, stop: { maxTokens: 40 } });
      const short = ['one', 'two and a half', long(30), 'four', long(20)];
      const alone = short.map((prompt) => new Bench().text(ask(prompt)));
      const bench = new Bench(modelPath);
      const requests = short.map(ask);
      for (const request of requests) bench.add(request);
      bench.run();
      expect(requests.map((request) => bench.outcome(request).texts[0])).toEqual(alone);
      const { recentSteps, preemptions } = bench.core.inspect();
      expect(preemptions).toBeGreaterThan(0);
      expect(recentSteps.length).toBeGreaterThan(0);
    },
  );

  test('a request that alone is too much for the cache fails, and the engine serves on', () => {
    const bench = new Bench('fake:?cells=20');
    const [much, little] = [
      makeRequest({ prompt: long(40) }),
      makeRequest({ prompt: 'a', stop: { maxTokens: 4 } }),
    ];
    bench.add(much);
    bench.add(little);
    bench.run();
    expect(bench.outcome(much).error?.code).toBe('native_call_failed');
    expect(bench.outcome(little).finishes).toEqual([{ reason: 'length' }]);
  });
});

describe('several choices', () => {
  const promptLength = 100;
  const ask = (choices: number): GenerateRequest =>
    makeRequest({
      prompt: long(promptLength),
      choices,
      sampling: { temperature: 1, seed: 40 },
      stop: { maxTokens: 10 },
    });

  test('compute their prompt once', () => {
    const bench = new Bench('fake:', { batchSize: 48 });
    const request = ask(4);
    bench.add(request);
    bench.run();
    const { recentSteps } = bench.core.inspect();
    const counts = recentSteps.flatMap((step) => step.rows).map(({ count }) => count);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(promptLength + 4 * 9);
    expect(bench.outcome(request).completionTokens).toEqual([10, 10, 10, 10]);
  });

  test('more than there are slots are refused', () => {
    const bench = new Bench('fake:', { slots: 2 });
    const request = ask(3);
    bench.add(request);
    expect(bench.outcome(request).error).toMatchObject({ code: 'invalid_parameter', param: 'n' });
  });

  test.each([8, 4])('are what single requests with the seeds in turn are, with %d slots', (slots) => {
    const bench = new Bench('fake:', { slots });
    const request = ask(4);
    bench.add(request);
    bench.run();
    const alone = [40, 41, 42, 43].map((seed) => {
      const one = ask(1);
      return new Bench().text({ ...one, sampling: { ...one.sampling, seed } });
    });
    expect(bench.outcome(request).texts).toEqual(alone);
    expect(bench.core.inspect()).toMatchObject({ running: 0, usedCells: 0 });
  });

  test('of requests that compete for cells are what they are alone', () => {
    const alone = new Bench();
    const request = ask(3);
    alone.add(request);
    alone.run();
    const bench = new Bench('fake:', { contextSize: 128, slots: 3, batchSize: 32 });
    const requests = [ask(3), ask(3), ask(3)];
    for (const one of requests) bench.add(one);
    bench.run();
    for (const one of requests) expect(bench.outcome(one).texts).toEqual(alone.outcome(request).texts);
  });

  test('end together when the request is cancelled', () => {
    const bench = new Bench();
    const request = ask(3);
    bench.add(request);
    for (let step = 0; step < 4; step++) bench.step();
    bench.core.cancel(request.id);
    expect(bench.outcome(request).error?.code).toBe('request_cancelled');
    expect(bench.core.inspect()).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
    // What they computed stays, once, for whoever asks the same again.
    const longest = Math.max(...[0, 1, 2, 3].map((slot) => bench.runner.cellCount(slot)));
    expect(bench.core.inspect().residentCells).toBeGreaterThanOrEqual(longest);
  });
});

describe('a client that leaves', () => {
  test.each(['fake:', 'fake:?canCut=false'])(
    'in the middle of its prefill stops the running decode, and others do not notice: %s',
    (modelPath) => {
      const short = makeRequest({ prompt: 'short', stop: { maxTokens: 12 } });
      const alone = new Bench(modelPath).text({ ...short, id: 'alone' });
      const bench = new Bench(modelPath);
      const leaving = makeRequest({ prompt: long(400) });
      const lane = bench.add(leaving);
      let row = 0;
      bench.runner.beforeRow = () => {
        if (++row === 90) bench.board.cancel(lane);
      };
      bench.step();
      bench.step();
      expect(bench.core.inspect()).toMatchObject({ steps: 1, abortedSteps: 1 });
      expect(row).toBe(90);
      bench.core.cancel(leaving.id);
      bench.add(short);
      bench.run();
      expect(bench.outcome(leaving).error?.code).toBe('request_cancelled');
      expect(bench.outcome(short).texts).toEqual([alone]);
      const later = bench.core.inspect().recentSteps.slice(2);
      expect(later.flatMap(({ rows }) => rows).map(({ requestId }) => requestId)).not.toContain(leaving.id);
    },
  );

  test('in a prefill that is cut to the inter-token target computes no row more, nor does any later step', () => {
    // A row takes a millisecond or more, and the target is 20: few rows in each step, among those of the streams.
    const bench = new Bench('fake:', { contextSize: 2048, batchSize: 512, interTokenTarget: 20 });
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    bench.runner.beforeRow = () => Atomics.wait(sleeper, 0, 0, 1);
    const streams = [1, 2].map(() => makeRequest({ stop: { maxTokens: 40, ignoreEos: true } }));
    for (const stream of streams) bench.add(stream);
    bench.step();
    bench.step();
    const leaving = makeRequest({ prompt: long(1500) });
    const lane = bench.add(leaving);
    for (let steps = 0; steps < 4; steps++) bench.step();
    const before = bench.core.inspect();
    expect(before.abortedSteps).toBe(0);
    const rowsOf = ({ recentSteps }: typeof before): number =>
      recentSteps
        .flatMap(({ outcome, rows }) => (outcome === 'ok' ? rows : []))
        .filter(({ requestId }) => requestId === leaving.id)
        .reduce((sum, { count }) => sum + count, 0);
    expect(rowsOf(before)).toBeGreaterThan(0);
    expect(rowsOf(before)).toBeLessThan(1500);
    let rows = 0;
    bench.runner.beforeRow = () => {
      if (++rows === 3) bench.board.cancel(lane);
    };
    bench.step();
    // The fake model looks at the flag before each row: that is its native op.
    expect([rows, bench.core.inspect().abortedSteps]).toEqual([3, 1]);
    bench.core.cancel(leaving.id);
    bench.run();
    expect(rowsOf(bench.core.inspect())).toBe(rowsOf(before));
    for (const stream of streams) expect(bench.outcome(stream).completionTokens).toEqual([40]);
  });

  test('stops a step that is mostly its own, which is then done again for the others', () => {
    const short = makeRequest({ prompt: 'short', stop: { maxTokens: 12 } });
    const alone = new Bench().text({ ...short, id: 'alone' });
    const bench = new Bench();
    bench.add(short);
    bench.step();
    const leaving = makeRequest({ prompt: long(400) });
    const lane = bench.add(leaving);
    let row = 0;
    bench.runner.beforeRow = () => {
      if (++row === 30) bench.board.cancel(lane);
    };
    bench.step();
    bench.core.cancel(leaving.id);
    bench.run();
    const { recentSteps, abortedSteps } = bench.core.inspect();
    expect(abortedSteps).toBe(1);
    expect(recentSteps[1]?.rows.map(({ requestId }) => requestId)).toEqual([short.id, leaving.id]);
    expect(recentSteps[2]?.rows).toEqual([{ requestId: short.id, choice: 0, count: 1 }]);
    expect(bench.outcome(short).texts).toEqual([alone]);
  });

  test('does not stop a step of others where an abort would cost them their state', () => {
    const bench = new Bench('fake:?canCut=false');
    const short = makeRequest({ prompt: 'short', stop: { maxTokens: 12 } });
    bench.add(short);
    bench.step();
    const leaving = makeRequest({ prompt: long(400) });
    const lane = bench.add(leaving);
    bench.runner.beforeRow = (row) => {
      if (row === 30) bench.board.cancel(lane);
    };
    bench.step();
    bench.core.cancel(leaving.id);
    bench.run();
    expect(bench.core.inspect().abortedSteps).toBe(0);
    expect(bench.outcome(short).texts).toEqual([new Bench().text({ ...short, id: 'alone' })]);
  });

  test('again and again leaves the others every other step', () => {
    const bench = new Bench();
    const staying = makeRequest({ prompt: 'short', stop: { maxTokens: 100, ignoreEos: true } });
    bench.add(staying);
    bench.step();
    for (let round = 0; round < 40; round++) {
      const leaving = makeRequest({ prompt: long(400), cache: { use: false } });
      const lane = bench.add(leaving);
      bench.runner.beforeRow = (row) => {
        if (row === 30) bench.board.cancel(lane);
      };
      bench.step();
      bench.core.cancel(leaving.id);
    }
    expect(bench.core.inspect().abortedSteps).toBeGreaterThan(10);
    expect(bench.core.inspect().steps).toBeGreaterThanOrEqual(20);
  });

  test('does not stop a step that is mostly of others', () => {
    const bench = new Bench();
    const [staying, leaving] = [makeRequest({ prompt: long(60) }), makeRequest({ prompt: 'abc' })];
    bench.add(staying);
    const lane = bench.add(leaving);
    bench.runner.beforeRow = () => bench.board.cancel(lane);
    bench.step();
    expect(bench.core.inspect()).toMatchObject({ steps: 1, abortedSteps: 0 });
  });

  test('before the step keeps it from being begun', () => {
    const bench = new Bench();
    const leaving = makeRequest({ prompt: long(400) });
    bench.board.cancel(bench.add(leaving));
    let rows = 0;
    bench.runner.beforeRow = () => rows++;
    bench.step();
    expect(rows).toBe(0);
    bench.core.cancel(leaving.id);
    expect(bench.core.idle).toBe(true);
  });

  test('while it waits for a slot is taken out of the queue', () => {
    const bench = new Bench('fake:', { slots: 1 });
    const [running, waiting] = [makeRequest(), makeRequest()];
    bench.add(running);
    bench.add(waiting);
    bench.step();
    bench.core.cancel(waiting.id);
    bench.run();
    expect(bench.outcome(waiting).error?.code).toBe('request_cancelled');
    expect(bench.outcome(running).finishes).toEqual([{ reason: 'length' }]);
  });

  test('is not known any more once its request has ended', () => {
    const bench = new Bench();
    const request = makeRequest();
    bench.text(request);
    bench.core.cancel(request.id);
    expect(bench.core.takeUpdates()).toEqual([]);
  });

  test('an abort that was meant for an earlier step costs nobody the text', () => {
    for (const modelPath of ['fake:', 'fake:?canCut=false']) {
      const requests = ['one', 'two', 'three'].map((prompt) => makeRequest({ prompt }));
      const alone = requests.map((request) => new Bench(modelPath).text({ ...request, id: 'alone' }));
      const bench = new Bench(modelPath);
      for (const request of requests) bench.add(request);
      let row = 0;
      bench.runner.beforeRow = () => {
        if (++row % 13 === 0) Atomics.store(bench.board.flag, 0, 1);
      };
      bench.run();
      expect(requests.map((request) => bench.outcome(request).texts[0])).toEqual(alone);
      expect(bench.core.inspect().abortedSteps).toBeGreaterThan(0);
    }
  });
});

describe('a library that fails', () => {
  test('ends the requests that were running, not those that wait, and the engine serves on', () => {
    const bench = new Bench('fake:?failAtDecode=3', { slots: 2 });
    const requests = [1, 2, 3].map((index) => makeRequest({ prompt: `request ${index}` }));
    for (const request of requests) bench.add(request);
    bench.run();
    const codes = requests.map((request) => bench.outcome(request).error?.code);
    expect(codes).toEqual(['native_call_failed', 'native_call_failed', undefined]);
    expect(bench.outcome(requests[2] ?? makeRequest()).finishes).toEqual([{ reason: 'length' }]);
    expect(bench.text(makeRequest({ prompt: 'later' }))).toBe(
      new Bench().text(makeRequest({ prompt: 'later' })),
    );
    expect(bench.core.inspect().recentSteps[2]?.outcome).toBe('failed');
  });
});

describe('a report', () => {
  test('counts steps, rows and threads', () => {
    const bench = new Bench();
    const request = makeRequest({ prompt: 'abc', stop: { maxTokens: 3 } });
    bench.add(request);
    expect(bench.core.inspect()).toMatchObject({ steps: 0, running: 0, waiting: 1 });
    bench.step();
    expect(bench.core.inspect()).toMatchObject({ steps: 1, running: 1, waiting: 0, usedCells: 4 });
    bench.run();
    const report = bench.core.inspect();
    expect(report).toMatchObject({ steps: 3, abortedSteps: 0, preemptions: 0, widestStep: 1, usedCells: 0 });
    expect(report.threads).toEqual({ load: bench.runner.threadId(), decode: [bench.runner.threadId()] });
    expect(report.recentSteps.map(({ number, outcome, rows }) => ({ number, outcome, rows }))).toEqual(
      [3, 1, 1].map((count, index) => ({
        number: index + 1,
        outcome: 'ok',
        rows: [{ requestId: request.id, choice: 0, count }],
      })),
    );
  });

  test('keeps the latest steps only', () => {
    const bench = new Bench();
    bench.text(makeRequest({ stop: { maxTokens: 200 } }));
    const { recentSteps, steps } = bench.core.inspect();
    expect(steps).toBe(200);
    expect(recentSteps.map(({ number }) => number)).toEqual(
      Array.from({ length: 64 }, (_, index) => 137 + index),
    );
  });

  test('of the end names the thread of the teardown, and every request has ended', () => {
    const bench = new Bench('fake:', { slots: 1 });
    const requests = [makeRequest(), makeRequest()];
    for (const request of requests) bench.add(request);
    bench.step();
    expect(bench.core.close()).toMatchObject({
      running: 0,
      waiting: 0,
      usedCells: 0,
      threads: { teardown: bench.runner.threadId() },
    });
    for (const request of requests) expect(bench.outcome(request).error?.code).toBe('model_unloading');
    expect(() => bench.runner.cellCount(0)).toThrow('freed');
  });
});

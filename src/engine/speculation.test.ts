import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GenerateRequest } from '../core/generation.js';
import type { RequestUpdate } from '../core/request-update.js';
import { NgramDrafter } from '../speculation/ngram-drafter.js';
import { Speculator } from '../speculation/speculator.js';
import { EagerChooser } from '../testing/eager-chooser.js';
import { FakeRunner } from '../testing/fake-runner.js';
import { makeRequest } from '../testing/requests.js';
import { AbortBoard } from './abort-board.js';
import { EngineCore } from './engine-core.js';

interface Outcome {
  texts: string[];
  finishes: (object | undefined)[];
  completionTokens: number[];
  updates: number;
  failed: string | undefined;
}

interface Room {
  readonly contextSize?: number;
  readonly slots?: number;
  readonly residentSlots?: number;
  readonly batchSize?: number;
}

/** An engine core on a fake model, stepped by hand, with every draft that there is room for, or none. */
class Bench {
  readonly board = new AbortBoard();
  readonly runner: FakeRunner;
  readonly core: EngineCore;
  readonly outcomes = new Map<string, Outcome>();
  #nextLane = 0;

  constructor(modelPath: string, drafts: boolean, room: Room = {}) {
    const options = { contextSize: 512, slots: 4, batchSize: 64, threads: 1, ...room };
    this.runner = new FakeRunner({ modelPath, ...options }, this.board.flag);
    const speculator = drafts ? new Speculator(() => new NgramDrafter(), new EagerChooser()) : undefined;
    const pace = { threads: 1, interTokenTarget: 0 };
    this.core = new EngineCore(this.runner, this.board, pace, undefined, speculator);
  }

  add(request: GenerateRequest): void {
    this.core.generate(request, this.#nextLane++);
  }

  step(): void {
    this.core.step();
    for (const update of this.core.takeUpdates()) this.#note(update);
  }

  run(): void {
    for (let steps = 0; !this.core.idle; steps++) {
      if (steps > 5000) throw new Error('the engine does not come to an end');
      this.step();
    }
    for (const update of this.core.takeUpdates()) this.#note(update);
  }

  outcome({ id }: GenerateRequest): Outcome {
    const outcome = this.outcomes.get(id);
    if (outcome === undefined) throw new Error('nothing was heard of the request');
    return outcome;
  }

  #note(update: RequestUpdate): void {
    const nothing: Outcome = { texts: [], finishes: [], completionTokens: [], updates: 0, failed: undefined };
    const outcome = this.outcomes.get(update.requestId) ?? nothing;
    this.outcomes.set(update.requestId, outcome);
    if (update.kind === 'failed') outcome.failed = update.error.code;
    if (update.kind !== 'choice') return;
    const { choice, text, finish, completionTokens } = update;
    assert.equal(outcome.finishes[choice], undefined, 'a choice goes on after its end');
    outcome.texts[choice] = (outcome.texts[choice] ?? '') + text;
    outcome.finishes[choice] = finish;
    outcome.completionTokens[choice] = completionTokens;
    outcome.updates++;
  }
}

const song = 'row row row your boat gently down the stream; '.repeat(4);
const scripted = `fake:?scriptedText=${encodeURIComponent(song)}`;

describe('drafts that are right', () => {
  test('take fewer steps to the same text, and several tokens are told at once', () => {
    const run = (drafts: boolean): { outcome: Outcome; steps: number; accepted: number } => {
      const bench = new Bench(scripted, drafts);
      const request = makeRequest({ stop: { maxTokens: 150 } });
      bench.add(request);
      bench.run();
      const { steps, acceptedDraftTokens } = bench.core.inspect();
      return { outcome: bench.outcome(request), steps, accepted: acceptedDraftTokens };
    };
    const [plain, drafted] = [run(false), run(true)];
    expect(drafted.outcome).toEqual({ ...plain.outcome, updates: drafted.outcome.updates });
    expect(drafted.outcome.texts).toEqual([song.slice(0, 150)]);
    expect(plain.steps).toBe(150);
    expect(drafted.steps).toBeLessThan(75);
    expect(drafted.accepted).toBe(150 - drafted.steps);
    expect(drafted.outcome.updates).toBe(drafted.steps);
  });

  test('end at stop strings, stop tokens, the limit and the end of the context, at the same token', () => {
    const stops = [
      { stopStrings: ['stream; row row row your boat gently d'] },
      { stopStrings: ['; row row row your boat gently down the stream; ro'] },
      { stopTokens: ['z'.charCodeAt(0)], maxTokens: 101 },
      { maxTokens: 93 },
      { maxTokens: 10_000 },
    ];
    for (const stop of stops) {
      for (const contextSize of [120, 512]) {
        const outcomes = [false, true].map((drafts) => {
          const bench = new Bench(scripted, drafts, { contextSize });
          const request = makeRequest({ prompt: 'x', stop: { maxTokens: 400, ...stop } });
          bench.add(request);
          bench.run();
          const { texts, finishes, completionTokens } = bench.outcome(request);
          return { texts, finishes, completionTokens };
        });
        expect(outcomes[1]).toEqual(outcomes[0]);
      }
    }
  });

  test('leave nothing behind in the cache that others could take for the text', () => {
    const bench = new Bench(scripted, true, { residentSlots: 2 });
    const first = makeRequest({ prompt: 'sing', stop: { stopStrings: ['gently down the stream; row row'] } });
    bench.add({ ...first, stop: { ...first.stop, maxTokens: 200 } });
    bench.run();
    const { residentCells, usedCells } = bench.core.inspect();
    expect(usedCells).toBe(0);
    expect(residentCells).toBeGreaterThan(0);
    expect(bench.runner.cellCount(0)).toBe(residentCells);
  });
});

test('reasoning that is too long is ended at the same token with drafts', () => {
  const reasoningLimit = { tokens: 60, close: '</think>', closing: '\n</think>\n\n' };
  const outcomes = [false, true].map((drafts) => {
    const bench = new Bench(scripted, drafts);
    const request = { ...makeRequest({ stop: { maxTokens: 150 } }), reasoningLimit };
    bench.add(request);
    bench.run();
    const { texts, completionTokens } = bench.outcome(request);
    return { texts, completionTokens, accepted: bench.core.inspect().acceptedDraftTokens };
  });
  const text = `${song.slice(0, 60)}\n</think>\n\n${song.slice(60)}`.slice(0, 150);
  expect(outcomes).toMatchObject([
    { texts: [text], completionTokens: [150], accepted: 0 },
    { texts: [text], completionTokens: [150] },
  ]);
  expect(outcomes[1]?.accepted).toBeGreaterThan(0);
});

test('where the memory can not be cut there are no drafts', () => {
  const bench = new Bench(`${scripted}&canCut=false`, true);
  bench.add(makeRequest({ stop: { maxTokens: 100 } }));
  bench.run();
  expect(bench.core.inspect().draftTokens).toBe(0);
});

test('a step with drafts that finds no cells is made without them', () => {
  // The library has fewer cells than were promised: enough for the text, and not for drafts behind it.
  const text = `${'ab'.repeat(20)}the end`;
  const bench = new Bench(`fake:?scriptedText=${encodeURIComponent(text)}&cells=${4 + text.length}`, true);
  const request = makeRequest({ prompt: '1234', stop: { maxTokens: 100 } });
  bench.add(request);
  bench.run();
  expect(bench.outcome(request)).toMatchObject({ texts: [text], failed: undefined });
  expect(bench.core.inspect().recentSteps.some(({ outcome }) => outcome === 'no-cells')).toBe(true);
});

describe('whatever happens', () => {
  /** Few letters, so that there is much to draft, and little of it is right. */
  const letters = (count: number): [number, number][] =>
    Array.from({ length: count }, (_, index) => [97 + index, 60]);
  const given = fc.record({
    prompt: fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 40 }),
    choices: fc.integer({ min: 1, max: 2 }),
    letters: fc.integer({ min: 1, max: 3 }),
    temperature: fc.constantFrom(0, 0.7, 1.5),
    penalties: fc.constantFrom(0, 0.4),
    seed: fc.integer({ min: 0, max: 1000 }),
    maxTokens: fc.integer({ min: 1, max: 60 }),
    stopStrings: fc.constantFrom<string[][]>([], ['abcab'], ['aabb', 'cc']),
    arrives: fc.integer({ min: 0, max: 20 }),
    /** The step before which the client leaves. */
    leaves: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined, freq: 4 }),
    /** The decode that is aborted for it. */
    aborts: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined, freq: 4 }),
  });

  const crowd = Array.from({ length: 4 }, (_, seed) => ({
    prompt: 'abc'.repeat(13),
    choices: 1,
    letters: 3,
    temperature: 0.7 as const,
    penalties: 0 as const,
    seed,
    maxTokens: 60,
    stopStrings: [],
    arrives: 0,
    leaves: undefined,
    aborts: undefined,
  }));

  test('text, counts and ends are those without drafts, greedy and seeded', () => {
    let accepted = 0;
    let drafted = 0;
    let preemptions = 0;
    fc.assert(
      fc.property(
        fc.array(given, { minLength: 1, maxLength: 6 }),
        fc.constantFrom(
          { contextSize: 512 },
          { contextSize: 128, slots: 3, residentSlots: 2 },
          { contextSize: 512, residentSlots: 3, batchSize: 16 },
        ),
        (all, room) => {
          const run = (drafts: boolean): (Omit<Outcome, 'updates'> | undefined)[] => {
            const bench = new Bench('fake:', drafts, room);
            const requests = all.map(({ prompt, choices, stopStrings, maxTokens, ...one }) => {
              const { penalties: penalty, temperature, seed } = one;
              const sampling = {
                temperature,
                seed,
                logitBias: letters(one.letters),
                presencePenalty: penalty,
                frequencyPenalty: penalty,
                repetitionPenalty: 1 + penalty,
              };
              return makeRequest({ prompt, choices, sampling, stop: { stopStrings, maxTokens } });
            });
            const last = Math.max(...all.map(({ arrives }) => arrives));
            for (let step = 0; step <= last || !bench.core.idle; step++) {
              for (const [index, request] of requests.entries()) {
                if (all[index]?.arrives === step) bench.add(request);
                if (drafts && all[index]?.leaves === step) bench.core.cancel(request.id);
              }
              let row = 0;
              const aborted = all.some(({ aborts }) => aborts === step) && drafts;
              bench.runner.beforeRow = () => {
                if (aborted && row++ === 1) bench.board.flag[0] = 1;
              };
              bench.step();
              bench.board.flag[0] = 0;
            }
            bench.run();
            const report = bench.core.inspect();
            accepted += report.acceptedDraftTokens;
            drafted += report.draftTokens;
            preemptions += report.preemptions;
            return requests.map(({ id }) => {
              const outcome = bench.outcomes.get(id);
              if (outcome === undefined) return undefined;
              const { updates: _, ...rest } = outcome;
              return rest;
            });
          };
          const [plain, speculated] = [run(false), run(true)];
          for (const [index, outcome] of speculated.entries()) {
            const expected = plain[index];
            if (outcome?.failed !== 'request_cancelled') assert.deepEqual(outcome, expected);
            else assert.ok(outcome.texts.every((text, choice) => expected?.texts[choice]?.startsWith(text)));
          }
        },
      ),
      // The first has more to write than the KV cache has room for.
      { numRuns: 150, examples: [[crowd, { contextSize: 128, slots: 3, residentSlots: 2 }]] },
    );
    expect(accepted).toBeGreaterThan(500);
    expect(drafted).toBeGreaterThan(accepted);
    expect(preemptions).toBeGreaterThan(0);
  }, 60_000);
});

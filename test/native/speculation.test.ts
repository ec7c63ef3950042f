import { afterEach, describe, expect, test } from 'vitest';
import type { GenerateRequest, SamplingParams, Token } from '../../src/core/generation.js';
import type { ModelRunner, Sampler } from '../../src/core/model-runner.js';
import type { RequestUpdate } from '../../src/core/request-update.js';
import { AbortBoard } from '../../src/engine/abort-board.js';
import { EngineCore } from '../../src/engine/engine-core.js';
import { openRunner } from '../../src/native/llama-runner.js';
import { NgramDrafter } from '../../src/speculation/ngram-drafter.js';
import { Speculator } from '../../src/speculation/speculator.js';
import { EagerChooser } from '../../src/testing/eager-chooser.js';
import { fixtureNames, writeFixture } from '../../src/testing/gguf/fixtures.js';
import { makeRequest, makeScoreRequest } from '../../src/testing/requests.js';
import { fixtureFolder, starterModel } from './fixture-folder.js';

/** An engine core on a real model, with every draft that there is room for, or none; it notes the tokens drawn. */
class Bench {
  readonly core: EngineCore;
  readonly runner: ModelRunner;
  /** Of each sampler, in the order in which they were made. */
  readonly drawn: Token[][] = [];

  private constructor(runner: ModelRunner, board: AbortBoard, drafts: boolean) {
    this.runner = runner;
    const create = runner.createSampler.bind(runner);
    runner.createSampler = (...given): Sampler => {
      const sampler = create(...given);
      const tokens: Token[] = [];
      this.drawn.push(tokens);
      const sample = (row: number): Token => {
        const token = sampler.sample(row);
        tokens.push(token);
        return token;
      };
      return { sample, dispose: () => sampler.dispose() };
    };
    const speculator = drafts ? new Speculator(() => new NgramDrafter(), new EagerChooser()) : undefined;
    this.core = new EngineCore(runner, board, { threads: 1, interTokenTarget: 0 }, undefined, speculator);
  }

  static async open(modelPath: string, drafts: boolean): Promise<Bench> {
    const board = new AbortBoard();
    const options = { modelPath, contextSize: 2048, slots: 3, residentSlots: 2, batchSize: 256, threads: 1 };
    const runner = await openRunner(options, {
      abortFlag: board.flag,
      libraryLock: new Int32Array(new SharedArrayBuffer(4)),
      onProgress: () => true,
    });
    const bench = new Bench(runner, board, drafts);
    benches.push(bench);
    return bench;
  }

  run(requests: readonly GenerateRequest[]): RequestUpdate[] {
    for (const [lane, request] of requests.entries()) this.core.generate(request, lane);
    const updates: RequestUpdate[] = [];
    for (let steps = 0; !this.core.idle; steps++) {
      if (steps > 2000) throw new Error('the engine does not come to an end');
      this.core.step();
      updates.push(...this.core.takeUpdates());
    }
    return updates;
  }

  /** The log-probability of a token after others. */
  score(before: readonly Token[], token: Token): number {
    this.core.score(makeScoreRequest(before, [token]), 0);
    while (!this.core.idle) this.core.step();
    for (const update of this.core.takeUpdates()) if (update.kind === 'score') return update.score.sum;
    throw new Error('there is no score');
  }
}

const benches: Bench[] = [];

afterEach(() => {
  for (const { core } of benches.splice(0)) core.close();
});

const lines = 'the small loom makes red cloth and the old weaver sings to her cat. ';
const prompts = [lines.repeat(3), `${lines}A b c d. ${lines}A b`, 'Once upon a time'];

const samplings: Record<string, Partial<SamplingParams>> = {
  greedy: { temperature: 0 },
  'greedy with penalties': { temperature: 0, repetitionPenalty: 1.1, frequencyPenalty: 0.2 },
  seeded: { temperature: 0.8, seed: 7, topP: 0.95, topK: 40 },
  'seeded, of few tokens': {
    temperature: 1,
    seed: 3,
    logitBias: [40, 41, 42].map((token): [number, number] => [token, 50]),
  },
};

function requestsOf(sampling: Partial<SamplingParams>): GenerateRequest[] {
  return prompts.map((prompt) =>
    makeRequest({ prompt, sampling, stop: { maxTokens: 120, ignoreEos: true } }),
  );
}

describe.each(fixtureNames)('the %s model', (name) => {
  test('draws the same tokens with drafts as without', async () => {
    const path = writeFixture(name, fixtureFolder);
    const [plain, drafted] = [await Bench.open(path, false), await Bench.open(path, true)];
    for (const sampling of Object.values(samplings)) {
      plain.run(requestsOf(sampling));
      drafted.run(requestsOf(sampling));
    }
    expect(drafted.drawn).toEqual(plain.drawn);
    const { draftTokens, acceptedDraftTokens, steps } = drafted.core.inspect();
    const { canCut } = drafted.runner.info;
    expect(acceptedDraftTokens > 0).toBe(canCut);
    expect(draftTokens > acceptedDraftTokens).toBe(canCut);
    expect(steps < plain.core.inspect().steps).toBe(canCut);
  });
});

describe('the starter model', () => {
  const chat = (question: string): string =>
    `<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`;

  test('draws the same tokens with drafts as without, up to one that was as likely as another', async () => {
    const [plain, drafted] = [await Bench.open(starterModel, false), await Bench.open(starterModel, true)];
    const questions = [
      ...prompts,
      ...['Hello!', 'What is the capital of Japan?', 'Tell me a story.'].map(chat),
    ];
    const requests = (): GenerateRequest[] =>
      questions.map((prompt) => makeRequest({ prompt, stop: { maxTokens: 120, ignoreEos: true } }));
    for (const bench of [plain, drafted]) for (const request of requests()) bench.run([request]);
    for (const [index, prompt] of questions.entries()) {
      const [expected = [], actual = []] = [plain.drawn[index], drafted.drawn[index]];
      expect(actual).toHaveLength(expected.length);
      const place = expected.findIndex((token, at) => token !== actual[at]);
      if (place < 0) continue;
      const before = [
        ...plain.core.tokenize(prompt, { addSpecial: false, parseSpecial: false }),
        ...expected.slice(0, place),
      ];
      const [one, other] = [expected, actual].map((tokens) => plain.score(before, tokens[place] ?? -1));
      expect(Math.abs((one ?? NaN) - (other ?? NaN))).toBeLessThan(0.5);
    }
    expect(drafted.core.inspect().acceptedDraftTokens).toBeGreaterThan(0);
  });
});

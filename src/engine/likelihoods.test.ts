import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../core/errors.js';
import type { GenerateRequest, Token } from '../core/generation.js';
import type { TokenLikelihood } from '../core/likelihood.js';
import { NgramDrafter } from '../speculation/ngram-drafter.js';
import { Speculator } from '../speculation/speculator.js';
import { EagerChooser } from '../testing/eager-chooser.js';
import { FakeRunner } from '../testing/fake-runner.js';
import { makeRequest, makeScoreRequest } from '../testing/requests.js';
import { AbortBoard } from './abort-board.js';
import { EngineCore } from './engine-core.js';
import { likelihoodOf } from './likelihoods.js';

interface Told {
  texts: string[];
  likelihoods: TokenLikelihood[][];
  completionTokens: number[];
  stopStrings: (string | undefined)[];
  error?: { code: ErrorCode; param?: string };
}

const room = { contextSize: 512, slots: 4, batchSize: 64, threads: 1 };

/** Runs requests together on a fake model, and checks of every update that no token is told before its text. */
function run(
  modelPath: string,
  requests: readonly GenerateRequest[],
  { drafts = false, ...size }: { drafts?: boolean; contextSize?: number; slots?: number } = {},
): { told: Told[]; core: EngineCore } {
  const board = new AbortBoard();
  const runner = new FakeRunner({ modelPath, ...room, ...size }, board.flag);
  const speculator = drafts ? new Speculator(() => new NgramDrafter(), new EagerChooser()) : undefined;
  const core = new EngineCore(runner, board, { threads: 1, interTokenTarget: 0 }, undefined, speculator);
  const told = new Map<string, Told>();
  for (const [lane, request] of requests.entries()) {
    told.set(request.id, { texts: [], likelihoods: [], completionTokens: [], stopStrings: [] });
    core.generate(request, lane);
  }
  for (let steps = 0; steps < 5000; steps++) {
    for (const update of core.takeUpdates()) {
      const one = told.get(update.requestId);
      if (one !== undefined && update.kind === 'failed') one.error = update.error;
      if (one === undefined || update.kind !== 'choice') continue;
      const { choice, text, likelihoods, completionTokens, finish } = update;
      one.texts[choice] = (one.texts[choice] ?? '') + text;
      one.completionTokens[choice] = completionTokens;
      one.stopStrings[choice] = finish?.stopString;
      if (likelihoods === undefined) continue;
      one.likelihoods[choice] = [...(one.likelihoods[choice] ?? []), ...likelihoods];
      const bytes = Buffer.concat((one.likelihoods[choice] ?? []).map((token) => token.bytes));
      expect(one.texts[choice]).toBe(finish?.reason === 'length' ? bytes.toString() : wholeText(bytes));
    }
    if (core.idle) break;
    core.step();
  }
  return { told: [...told.values()], core };
}

/** The whole characters that bytes begin with: none may be told by half. */
function wholeText(bytes: Buffer): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

/** What a runner of its own says of each token after a prompt, computing one at a time. */
function oracle(prompt: string, tokens: readonly Token[], top: number): TokenLikelihood[] {
  const runner = new FakeRunner({ modelPath: 'fake:', ...room, contextSize: 4096 }, new Uint8Array(2));
  const before = [...new TextEncoder().encode(prompt)];
  return [...before, ...tokens].slice(0, -1).flatMap((token, start) => {
    const span = { sequenceId: 1, slot: 0, start, tokens: [token], output: true };
    runner.decode({ spans: [span], rows: 1 });
    const next = tokens[start + 1 - before.length];
    return next === undefined ? [] : [likelihoodOf(runner, { row: 0, token: next, wish: { top } })];
  });
}

const song = 'row row row your boät gently down the stream; '.repeat(4);
const songBytes = [...new TextEncoder().encode(song)];
const scripted = `fake:?scriptedText=${encodeURIComponent(song)}`;

describe('likelihoods', () => {
  test.each([
    ['greedy', { temperature: 0 }],
    ['hot', { temperature: 1.7, seed: 3 }],
    ['penalised and biased', { repetitionPenalty: 1.8, presencePenalty: 2, logitBias: [[97, 5] as const] }],
  ])('of %s text are of the model alone, before all sampling', (_, sampling) => {
    const request = makeRequest({ sampling, stop: { maxTokens: 60 }, likelihoods: { top: 7 } });
    const { told } = run('fake:', [request]);
    const [tokens = []] = told[0]?.likelihoods ?? [];
    expect(tokens).toHaveLength(60);
    expect(tokens).toEqual(
      oracle(
        'once upon a time',
        tokens.map(({ token }) => token),
        7,
      ),
    );
  });

  test('are none of the most likely where none are asked for, and of tokens that are not among them too', () => {
    const request = makeRequest({ stop: { maxTokens: 12 }, likelihoods: { top: 0 } });
    const [tokens = []] = run(scripted, [request]).told[0]?.likelihoods ?? [];
    expect(tokens.every(({ top }) => top.length === 0)).toBe(true);
    const drawn = tokens.map(({ token }) => token);
    expect(tokens).toEqual(oracle('once upon a time', drawn, 0));
    const [likely = []] =
      run(scripted, [makeRequest({ stop: { maxTokens: 12 }, likelihoods: { top: 2 } })]).told[0]
        ?.likelihoods ?? [];
    expect(likely.some(({ token, top }) => top.every((one) => one.token !== token))).toBe(true);
    expect(likely).toEqual(oracle('once upon a time', drawn, 2));
  });

  test('are those of the same text with drafts, with preemption, and among others', () => {
    const crowding = (prompt: string) => ({
      prompt,
      choices: 1,
      top: 1,
      maxTokens: 70,
      stopStrings: ['am; row'],
    });
    let [accepted, preemptions, stopped] = [0, 0, 0];
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            prompt: fc.string({ minLength: 1, maxLength: 40, unit: fc.constantFrom('a', 'b', ' ') }),
            choices: fc.integer({ min: 1, max: 2 }),
            top: fc.integer({ min: 0, max: 3 }),
            maxTokens: fc.integer({ min: 1, max: 70 }),
            stopStrings: fc.subarray(['gently d', 'am; row', '; row row r']),
          }),
          { minLength: 1, maxLength: 5 },
        ),
        fc.boolean(),
        fc.integer({ min: 115, max: 250 }),
        (parts, drafts, contextSize) => {
          const requests = parts.map(({ prompt, choices, top, maxTokens, stopStrings }) =>
            makeRequest({ prompt, choices, stop: { maxTokens, stopStrings }, likelihoods: { top } }),
          );
          const { told, core } = run(scripted, requests, { drafts, contextSize });
          accepted += core.inspect().acceptedDraftTokens;
          preemptions += core.inspect().preemptions;
          for (const [index, { texts, likelihoods, completionTokens, stopStrings }] of told.entries()) {
            const { prompt = '', top = 0 } = parts[index] ?? {};
            const longest = Math.max(0, ...likelihoods.map(({ length }) => length));
            const expected = oracle(prompt, songBytes.slice(0, longest), top);
            for (const [choice, tokens] of likelihoods.entries()) {
              const cut = Buffer.byteLength(stopStrings[choice] ?? '');
              if (cut > 0) stopped++;
              expect(tokens).toHaveLength((completionTokens[choice] ?? 0) - cut);
              expect(Buffer.concat(tokens.map(({ bytes }) => bytes)).toString()).toBe(texts[choice]);
              expect(tokens).toEqual(expected.slice(0, tokens.length));
            }
          }
        },
      ),
      {
        numRuns: 15,
        examples: [
          [['a', 'b', 'ab', 'aab'].map(crowding), false, 130],
          [['a', 'b', 'ab', 'aab'].map(crowding), true, 130],
        ],
      },
    );
    expect(accepted).toBeGreaterThan(10);
    expect(preemptions).toBeGreaterThan(0);
    expect(stopped).toBeGreaterThan(0);
  });

  test('of more tokens than there may be, or of none in particular, are refused', () => {
    for (const top of [-1, 21, 1.5, NaN]) {
      const { told } = run('fake:', [makeRequest({ likelihoods: { top } })]);
      expect(told[0]?.error?.code).toBe('invalid_parameter');
    }
  });

  test('do not go with stop strings that would hold back many of them', () => {
    const stop = { stopStrings: ['x'.repeat(1025)] };
    const [refused, served] = run('fake:', [
      makeRequest({ stop, likelihoods: { top: 1 } }),
      makeRequest({ stop }),
    ]).told;
    expect(refused?.error).toMatchObject({ code: 'invalid_parameter', param: 'stop' });
    expect(served?.completionTokens).toEqual([16]);
  });
});

describe('likelihoods of a score', () => {
  test('come a step at a time, and again where the sequence lost its cells', () => {
    const board = new AbortBoard();
    const runner = new FakeRunner({ modelPath: 'fake:?outputRows=8', ...room, contextSize: 160 }, board.flag);
    const core = new EngineCore(runner, board);
    core.generate(makeRequest({ prompt: 'first', stop: { maxTokens: 100 } }), 0);
    core.step();
    const text = song.slice(0, 60);
    core.score(makeScoreRequest('x', text, { top: 2 }), 1);
    const runs: { from: number; tokens: readonly TokenLikelihood[] }[] = [];
    while (!core.idle) {
      core.step();
      for (const update of core.takeUpdates()) {
        if (update.kind === 'likelihoods') runs.push(update);
        if (update.kind === 'score' && update.likelihoods !== undefined) runs.push(update.likelihoods);
      }
    }
    expect(Math.max(...runs.map(({ tokens }) => tokens.length))).toBeLessThanOrEqual(8);
    const bytes = [...new TextEncoder().encode(text)];
    const expected = oracle('x', bytes, 2);
    const seen = new Set<number>();
    for (const { from, tokens } of runs) {
      expect(tokens).toEqual(expected.slice(from, from + tokens.length));
      for (const index of tokens.keys()) seen.add(from + index);
    }
    expect(seen.size).toBe(bytes.length);
  });
});

import type { GenerateRequest } from '../core/generation.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { HeddleError, type ErrorCode } from '../core/errors.js';
import type { LoadOptions } from '../core/model-runner.js';
import { laneCount } from '../engine/abort-board.js';
import { Engine } from '../engine/engine.js';
import type { EngineTransport } from '../engine/transport.js';
import { collect, makeEmbedRequest, makeRequest, makeRerankRequest, makeScoreRequest } from './requests.js';

export interface EngineHarness<T extends EngineTransport> {
  /** A transport whose host opens fake runners. */
  readonly makeTransport: () => T;
  /** Ways in which the host is lost while a request runs: what the model does, or what is done to the transport. */
  readonly crashes: readonly {
    readonly name: string;
    readonly modelPath: string;
    readonly act?: (transport: T) => void;
  }[];
}

export function fakeModel(modelPath = 'fake:', room: Partial<LoadOptions> = {}): LoadOptions {
  return { modelPath, contextSize: 512, slots: 4, batchSize: 64, threads: 1, ...room };
}

/** What an engine promises its gateway, whatever kind of host it lives in. */
export function describeEngineConformance<T extends EngineTransport>(
  name: string,
  { makeTransport, crashes }: EngineHarness<T>,
): void {
  describe(`an engine ${name}`, () => {
    const engines: Engine[] = [];
    const make = (transport = makeTransport()): Engine => {
      const engine = new Engine(transport);
      engines.push(engine);
      return engine;
    };
    const load = async (modelPath?: string, room?: Partial<LoadOptions>): Promise<Engine> => {
      const engine = make();
      await engine.load(fakeModel(modelPath, room));
      return engine;
    };

    afterEach(async () => {
      for (const engine of engines.splice(0)) await engine.close();
    });

    describe('loading', () => {
      test('before it, nothing can be asked', async () => {
        const engine = make();
        expect(codeOfThrown(() => engine.info)).toBe('engine_closed');
        expect(codeOfThrown(() => engine.generate(makeRequest()))).toBe('engine_closed');
        expect(await codeOf(engine.tokenize('a'))).toBe('engine_closed');
        expect(await codeOf(engine.spell([1]))).toBe('engine_closed');
        expect(await codeOf(engine.probe([1], ''))).toBe('engine_closed');
        expect(await codeOf(engine.inspect())).toBe('engine_closed');
        await expect(engine.close()).resolves.toBeUndefined();
      });

      test('answers with the model, and reports its progress', async () => {
        const engine = make();
        const fractions: number[] = [];
        const info = await engine.load(fakeModel(), { onProgress: (fraction) => fractions.push(fraction) });
        expect(info).toMatchObject({ architecture: 'fake', contextSize: 512, slots: 4, batchSize: 64 });
        expect(engine.info).toEqual(info);
        expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
        expect(fractions.at(-1)).toBe(1);
      });

      test('that fails says why, and ends the host', async () => {
        const engine = make();
        expect(await codeOf(engine.load(fakeModel('fake:?loadFails=model_file_truncated')))).toBe(
          'model_file_truncated',
        );
        await engine.exited;
        expect(engine.alive).toBe(false);
        expect(codeOfThrown(() => engine.generate(makeRequest()))).toBe('engine_closed');
      });

      test('is cancelled while it runs', async () => {
        const engine = make();
        const controller = new AbortController();
        const loading = engine.load(fakeModel('fake:?loadSteps=1000&loadDelayMs=5'), {
          signal: controller.signal,
          onProgress: () => controller.abort(),
        });
        expect(await codeOf(loading)).toBe('load_cancelled');
        await engine.exited;
      });

      test('is cancelled before it began', async () => {
        const engine = make();
        expect(await codeOf(engine.load(fakeModel(), { signal: AbortSignal.abort() }))).toBe(
          'load_cancelled',
        );
      });

      test('happens once', async () => {
        const engine = await load();
        expect(await codeOf(engine.load(fakeModel()))).toBe('internal_error');
        expect((await collect(engine.generate(makeRequest()))).finishes).toEqual(['length']);
      });
    });

    describe('generating', () => {
      test('gives the prompt count, then text, then the reason it ended', async () => {
        const engine = await load();
        const updates = [];
        for await (const update of engine.generate(makeRequest({ prompt: 'abc', stop: { maxTokens: 5 } })))
          updates.push(update);
        expect(updates[0]).toMatchObject({ kind: 'accepted', promptTokens: 3 });
        expect(updates.at(-1)).toMatchObject({
          kind: 'choice',
          completionTokens: 5,
          finish: { reason: 'length' },
        });
        // Between them it may say that it has begun.
        const [, second] = updates;
        const choices = updates.slice(second?.kind === 'started' ? 2 : 1);
        expect(choices.every(({ kind }) => kind === 'choice')).toBe(true);
        expect(engine.pendingRequests).toBe(0);
      });

      test('gives the same text for the same request, alone or among others', async () => {
        const engine = await load('fake:?stepDelayMs=5');
        const prompts = ['first', 'the second prompt', 'third', 'and a fourth, longer than the others'];
        const alone: string[] = [];
        for (const prompt of prompts)
          alone.push(...(await collect(engine.generate(makeRequest({ prompt })))).texts);
        const together = await Promise.all(
          prompts.map(async (prompt) => collect(engine.generate(makeRequest({ prompt })))),
        );
        expect(together.flatMap(({ texts }) => texts)).toEqual(alone);
        expect((await engine.inspect()).widestStep).toBeGreaterThan(1);
      });

      test('more requests than slots are all served', async () => {
        const engine = await load('fake:', { slots: 2 });
        const requests = Array.from({ length: 12 }, (_, index) => makeRequest({ prompt: `number ${index}` }));
        const all = await Promise.all(requests.map(async (request) => collect(engine.generate(request))));
        expect(all.map(({ completionTokens }) => completionTokens)).toEqual(all.map(() => [16]));
      });

      test('the place of a request that was cancelled serves the next one', async () => {
        const engine = await load('fake:?stepDelayMs=1');
        for (let round = 0; round < 5; round++) {
          const leaving = engine.generate(makeRequest({ prompt: 'x'.repeat(300) }));
          await leaving.next();
          leaving.cancel();
          const staying = await collect(engine.generate(makeRequest({ prompt: 'y'.repeat(300) })));
          expect(staying.finishes).toEqual(['length']);
          await until(() => engine.pendingRequests === 0);
        }
      });

      test('several choices are several texts', async () => {
        const engine = await load();
        const request = makeRequest({ choices: 3, sampling: { temperature: 1, seed: 7 } });
        const { texts, finishes } = await collect(engine.generate(request));
        expect(new Set(texts).size).toBe(3);
        expect(finishes).toEqual(['length', 'length', 'length']);
      });

      test('tells how likely each token was, where that is asked for', async () => {
        const engine = await load();
        const request = makeRequest({
          choices: 2,
          sampling: { temperature: 1, seed: 7 },
          likelihoods: { top: 3 },
        });
        const { texts, likelihoods, completionTokens } = await collect(engine.generate(request));
        for (const [choice, tokens] of likelihoods.entries()) {
          expect(tokens).toHaveLength(completionTokens[choice] ?? 0);
          expect(Buffer.concat(tokens.map(({ bytes }) => bytes)).toString()).toBe(texts[choice]);
          for (const { logProbability, top } of tokens) {
            expect(top).toHaveLength(3);
            expect(logProbability).toBeLessThanOrEqual(top[0]?.logProbability ?? -Infinity);
          }
        }
        const { texts: plain, likelihoods: none } = await collect(
          engine.generate(makeRequest({ choices: 2, sampling: { temperature: 1, seed: 7 } })),
        );
        expect(plain).toEqual(texts);
        expect(none).toEqual([[], []]);
      });

      test('a slow reader does not hold the engine up, and misses nothing', async () => {
        const engine = await load();
        const fast = await collect(engine.generate(makeRequest({ prompt: 'same' })));
        const unread = engine.generate(makeRequest({ prompt: 'same' }));
        await until(() => engine.pendingRequests === 0);
        expect(await collect(unread)).toEqual(fast);
      });

      test('ends the work when its reader stops', async () => {
        const engine = await load('fake:?stepDelayMs=1');
        for await (const update of engine.generate(makeRequest({ stop: { maxTokens: 400 } }))) {
          if (update.kind === 'choice') break;
        }
        await until(() => engine.pendingRequests === 0);
        expect(await engine.inspect()).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
      });

      test('cancelling a request that has ended does nothing', async () => {
        const engine = await load();
        const ended = engine.generate(makeRequest());
        await collect(ended);
        ended.cancel();
        expect((await collect(engine.generate(makeRequest()))).finishes).toEqual(['length']);
      });

      test('a request that can not be sent is refused, and leaves nothing behind', async () => {
        const engine = await load();
        const unsendable = { ...makeRequest(), prompt: { kind: 'text', text: () => {} } };
        const code = codeOfThrown(() => engine.generate(unsendable as unknown as GenerateRequest));
        expect(code).toBe('invalid_parameter');
        expect(engine.pendingRequests).toBe(0);
        expect((await collect(engine.generate(makeRequest()))).finishes).toEqual(['length']);
      });

      test('one request too many is refused, and lanes are used again', async () => {
        const engine = await load();
        const requests = Array.from({ length: laneCount }, () =>
          engine.generate(makeRequest({ stop: { maxTokens: 1 } })),
        );
        expect(codeOfThrown(() => engine.generate(makeRequest()))).toBe('queue_full');
        for (const request of requests.slice(1)) request.cancel();
        await collect(requests[0] ?? engine.generate(makeRequest()));
        await until(() => engine.pendingRequests === 0);
        expect((await collect(engine.generate(makeRequest()))).finishes).toEqual(['length']);
      });
    });

    describe('work of other kinds', () => {
      test('scores each token of a continuation, and their sum', async () => {
        const engine = await load();
        const score = await engine.score(makeScoreRequest('once upon', ' a time'));
        expect(score).toMatchObject({ promptTokens: 9, tokens: [...new TextEncoder().encode(' a time')] });
        expect(score.logProbabilities).toHaveLength(7);
        for (const log of score.logProbabilities) expect(log).toBeLessThan(0);
        const sum = score.logProbabilities.reduce((total, log) => total + log, 0);
        expect(score.sum).toBe(sum);
        expect(score.likelihoods).toBeUndefined();
      });

      test('tells likelihoods of a long score as they are known, and all of them', async () => {
        const engine = await load('fake:?outputRows=4');
        const plain = await engine.score(makeScoreRequest('once upon', 'x'.repeat(100)));
        const told = await engine.score(makeScoreRequest('once upon', 'x'.repeat(100), { top: 2 }));
        expect(told).toMatchObject(plain);
        expect(told.likelihoods?.map(({ logProbability }) => logProbability)).toEqual(plain.logProbabilities);
        for (const { bytes, top } of told.likelihoods ?? []) {
          expect(new TextDecoder().decode(bytes)).toBe('x');
          expect(top).toHaveLength(2);
        }
      });

      test('spells tokens, control tokens by their names', async () => {
        const engine = await load();
        const tokens = await engine.tokenize('a<eos>', { addSpecial: false, parseSpecial: true });
        expect(await engine.spell(tokens)).toEqual([
          { token: tokens[0], bytes: new Uint8Array([97]) },
          { token: tokens[1], bytes: new Uint8Array(0), name: '<eos>' },
        ]);
        expect(await codeOf(engine.spell([1, 9999]))).toBe('invalid_parameter');
        const most = Array.from({ length: engine.info.contextSize + 1 }, () => 97);
        expect(await codeOf(engine.spell(most))).toBe('context_length_exceeded');
      });

      test('embeds inputs in their order, each in memory of its own', async () => {
        const engine = await load();
        const inputs = ['a', 'the longest of these inputs, by far', 'short', [1, 2, 3]];
        const results = await engine.embed(makeEmbedRequest(inputs, true));
        expect(results.map(({ tokens }) => tokens)).toEqual(inputs.map(({ length }) => length));
        for (const [index, { embedding }] of results.entries()) {
          expect(embedding).toBeInstanceOf(Float32Array);
          expect(embedding.buffer.byteLength).toBe(4 * (engine.info.embedding?.size ?? 0));
          expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
          const [alone] = await engine.embed(makeEmbedRequest([inputs[index] ?? ''], true));
          expect(embedding).toEqual(alone?.embedding);
        }
        expect(new Set(results.map(({ embedding }) => String(embedding))).size).toBe(inputs.length);
      });

      test('reranks documents in their order', async () => {
        const engine = await load('fake:?pooling=none');
        const documents = ['a', 'the longest of these documents, by far', '', 'short'];
        const results = await engine.rerank(makeRerankRequest('query', documents));
        expect(results.map(({ tokens }) => tokens)).toEqual(documents.map(({ length }) => length + 8));
        for (const [index, result] of results.entries()) {
          const [alone] = await engine.rerank(makeRerankRequest('query', [documents[index] ?? '']));
          expect(result).toEqual(alone);
          expect(result.relevance).toBeGreaterThanOrEqual(0);
          expect(result.relevance).toBeLessThanOrEqual(1);
        }
        expect(new Set(results.map(({ relevance }) => relevance)).size).toBe(documents.length);
        const controller = new AbortController();
        const stopped = codeOf(
          engine.rerank(makeRerankRequest('q', Array(200).fill('x'.repeat(200))), controller),
        );
        controller.abort();
        expect(await stopped).toBe('request_cancelled');
        await until(() => engine.pendingRequests === 0);
        expect(await engine.inspect()).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
      });

      test('has the same results at once as alone', async () => {
        const engine = await load('fake:?stepDelayMs=2');
        const work = [
          async () => collect(engine.generate(makeRequest({ prompt: 'first of all' }))),
          async () => engine.score(makeScoreRequest('this is', ' something to be scored in two steps')),
          async () => engine.embed(makeEmbedRequest(['one input', 'x'.repeat(100), 'three'])),
          async () => engine.tokenize('some text'),
        ];
        const alone = [];
        for (const run of work) alone.push(await run());
        const together = await Promise.all([1, 2, 3].flatMap(() => work.map(async (run) => run())));
        expect(together).toEqual([...alone, ...alone, ...alone]);
        expect((await engine.inspect()).widestStep).toBeGreaterThan(1);
        expect(await engine.inspect()).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
      });

      test('is stopped by a signal, before and while it is done', async () => {
        const engine = await load('fake:?stepDelayMs=5');
        const long = Array.from({ length: 200 }, () => 'x'.repeat(200));
        const controller = new AbortController();
        const stopped = [
          engine.embed(makeEmbedRequest(long), controller),
          engine.score(makeScoreRequest('x'.repeat(300), 'y'.repeat(200)), controller),
        ].map(codeOf);
        const steps = async (): Promise<number> => (await engine.inspect()).steps;
        while ((await steps()) < 3) await sleep(1);
        controller.abort();
        expect(await Promise.all(stopped)).toEqual(['request_cancelled', 'request_cancelled']);
        expect(await codeOf(engine.embed(makeEmbedRequest(['a']), controller))).toBe('request_cancelled');
        await until(() => engine.pendingRequests === 0);
        expect(await engine.inspect()).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
      });

      test('that can not be done fails its own caller alone', async () => {
        const engine = await load();
        const good = engine.embed(makeEmbedRequest(['good']));
        const failures = [
          engine.embed(makeEmbedRequest([])),
          engine.embed(makeEmbedRequest(['good', '', 'good'])),
          engine.embed(makeEmbedRequest(['a', 'b', 'c', 'd', 'e', 'f', [999]])),
          engine.embed(makeEmbedRequest(['x'.repeat(513)])),
          engine.score(makeScoreRequest('', 'a')),
          engine.score(makeScoreRequest('a', '')),
          engine.score(makeScoreRequest('x'.repeat(500), 'y'.repeat(14))),
        ].map(async (work) => work.catch((error: unknown) => error));
        expect(await Promise.all(failures)).toMatchObject([
          { code: 'invalid_parameter', param: 'inputs' },
          { code: 'invalid_parameter', param: 'inputs[1]' },
          { code: 'invalid_parameter', param: 'inputs[6]' },
          { code: 'context_length_exceeded', param: 'inputs[0]' },
          { code: 'invalid_parameter', param: 'prompt' },
          { code: 'invalid_parameter', param: 'continuation' },
          { code: 'context_length_exceeded' },
        ]);
        expect(await engine.embed(makeEmbedRequest(['good']))).toEqual(await good);
        const full = await engine.score(makeScoreRequest('x'.repeat(500), 'y'.repeat(13)));
        expect(full.logProbabilities).toHaveLength(13);
        expect(await engine.inspect()).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
      });

      test('ends with model_unloading when the engine is closed', async () => {
        const engine = await load('fake:?stepDelayMs=5');
        const codes = [
          engine.embed(makeEmbedRequest(Array.from({ length: 50 }, () => 'x'.repeat(200)))),
          engine.score(makeScoreRequest('x'.repeat(200), 'y'.repeat(200))),
        ].map(codeOf);
        await engine.inspect();
        await engine.close();
        expect(await Promise.all(codes)).toEqual(['model_unloading', 'model_unloading']);
        expect(await codeOf(engine.embed(makeEmbedRequest(['a'])))).toBe('engine_closed');
        expect(await codeOf(engine.score(makeScoreRequest('a', 'b')))).toBe('engine_closed');
      });

      test('that a model can not do is refused for what it is', async () => {
        const encoder = await load('fake:?causal=false');
        expect(await codeOf(collect(encoder.generate(makeRequest())))).toBe('unsupported_by_model');
        expect(await codeOf(encoder.score(makeScoreRequest('a', 'b')))).toBe('unsupported_by_model');
        expect(await encoder.embed(makeEmbedRequest(['a']))).toHaveLength(1);
        const reranker = await load('fake:?pooling=none');
        expect(await codeOf(reranker.embed(makeEmbedRequest(['a'])))).toBe('unsupported_by_model');
        expect(await codeOf(reranker.score(makeScoreRequest('a', 'b')))).toBe('unsupported_by_model');
        expect(await codeOf(collect(reranker.generate(makeRequest())))).toBe('unsupported_by_model');
        expect(await reranker.rerank(makeRerankRequest('a', ['b']))).toHaveLength(1);
        const embedder = await load('fake:?kind=embedding');
        expect(await codeOf(collect(embedder.generate(makeRequest())))).toBe('unsupported_by_model');
        expect(await codeOf(embedder.rerank(makeRerankRequest('a', ['b'])))).toBe('unsupported_by_model');
        expect(await embedder.embed(makeEmbedRequest(['a']))).toHaveLength(1);
        const headless = await load('fake:?pooling=none&rerankHead=none');
        expect(await codeOf(headless.rerank(makeRerankRequest('a', ['b'])))).toBe('unsupported_by_model');
      });
    });

    describe('commands', () => {
      test('are handled in the order they were sent', async () => {
        const engine = await load('fake:?stepDelayMs=2');
        const order: string[] = [];
        const note = async (what: string, call: Promise<unknown>): Promise<void> => {
          await call;
          order.push(what);
        };
        const before = engine.inspect();
        const request = engine.generate(makeRequest({ stop: { maxTokens: 300 } }));
        const during = engine.inspect();
        const calls = [
          note('one', engine.tokenize('1')),
          note('two', engine.inspect()),
          note('three', engine.tokenize('3')),
        ];
        request.cancel();
        const after = engine.inspect();
        await Promise.all(calls);
        expect(order).toEqual(['one', 'two', 'three']);
        const load1 = ({ running, waiting }: { running: number; waiting: number }): number =>
          running + waiting;
        expect([await before, await during, await after].map(load1)).toEqual([0, 1, 0]);
      });

      test('that fail reach their caller alone, and the engine serves on', async () => {
        const engine = await load();
        const good = collect(engine.generate(makeRequest({ prompt: 'good' })));
        const bad = codeOf(collect(engine.generate(makeRequest({ prompt: [999_999] }))));
        const biased = codeOf(
          collect(engine.generate(makeRequest({ sampling: { logitBias: [[999_999, 1]] } }))),
        );
        const long = codeOf(collect(engine.generate(makeRequest({ prompt: 'x'.repeat(600) }))));
        expect([await bad, await biased, await long]).toEqual([
          'invalid_parameter',
          'invalid_parameter',
          'context_length_exceeded',
        ]);
        expect((await good).finishes).toEqual(['length']);
        expect((await collect(engine.generate(makeRequest({ prompt: 'good' })))).texts).toEqual(
          (await good).texts,
        );
      });

      test('a step that fails ends the requests that were running, not the engine', async () => {
        const engine = await load('fake:?failAtDecode=3');
        expect(await codeOf(collect(engine.generate(makeRequest())))).toBe('native_call_failed');
        expect((await collect(engine.generate(makeRequest()))).finishes).toEqual(['length']);
      });

      test('a prompt that nobody asked with this salt is held nowhere', async () => {
        const engine = await load();
        await collect(engine.generate(makeRequest({ prompt: 'x'.repeat(200), cache: { salt: 'one' } })));
        const tokens = await engine.tokenize('x'.repeat(200));
        expect(await engine.probe(tokens, 'another')).toEqual({ device: 0, host: 0, disk: 0 });
      });

      test('text is tokenized as the model does it', async () => {
        const engine = await load();
        expect(await engine.tokenize('ab<eos>')).toEqual([97, 98, 257]);
        expect(await engine.tokenize('ab', { addSpecial: true, parseSpecial: false })).toEqual([256, 97, 98]);
      });

      test('compute threads can be changed at any time', async () => {
        const engine = await load();
        const request = collect(engine.generate(makeRequest()));
        engine.setThreads(1);
        expect((await request).finishes).toEqual(['length']);
      });
    });

    describe('closing', () => {
      test('ends every stream with model_unloading, after what it had produced', async () => {
        const engine = await load('fake:?stepDelayMs=2', { slots: 2 });
        const streams = [1, 2, 3].map(() => engine.generate(makeRequest({ stop: { maxTokens: 400 } })));
        const [first] = streams;
        await first?.next();
        await first?.next();
        const codes = streams.map(async (stream) => codeOf(collect(stream)));
        const report = await engine.close();
        expect(await Promise.all(codes)).toEqual(['model_unloading', 'model_unloading', 'model_unloading']);
        expect(report).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
        expect(report?.threads.teardown).toBe(report?.threads.load);
        expect(new Set(report?.threads.decode)).toEqual(new Set([report?.threads.load]));
      });

      test('can be asked for twice, and refuses what comes after it', async () => {
        const engine = await load();
        const [one, two] = [engine.close(), engine.close()];
        expect(codeOfThrown(() => engine.generate(makeRequest()))).toBe('engine_closed');
        expect(await codeOf(engine.tokenize('a'))).toBe('engine_closed');
        expect(await one).toEqual(await two);
        await engine.exited;
        expect(codeOfThrown(() => engine.generate(makeRequest()))).toBe('engine_closed');
        expect(await codeOf(engine.inspect())).toBe('engine_closed');
      });

      test('loses no update that was made before it', async () => {
        const engine = await load();
        const request = engine.generate(makeRequest());
        await until(() => engine.pendingRequests === 0);
        await engine.close();
        expect((await collect(request)).completionTokens).toEqual([16]);
      });
    });

    describe.each(crashes)('when its host $name', ({ modelPath, act }) => {
      test('every request and call ends with engine_crashed, and later ones are refused', async () => {
        const transport = makeTransport();
        const engine = make(transport);
        await engine.load(fakeModel(modelPath));
        const streams = [1, 2].map(() => engine.generate(makeRequest({ stop: { maxTokens: 400 } })));
        const codes = streams.map(async (stream) => codeOf(collect(stream)));
        act?.(transport);
        const call = codeOf(polled(engine));
        expect(await Promise.all(codes)).toEqual(['engine_crashed', 'engine_crashed']);
        expect(await call).toBe('engine_crashed');
        await engine.exited;
        expect(engine.alive).toBe(false);
        expect(engine.pendingRequests).toBe(0);
        expect(codeOfThrown(() => engine.generate(makeRequest()))).toBe('engine_crashed');
        expect(await codeOf(engine.inspect())).toBe('engine_crashed');
        await expect(engine.close()).resolves.toBeUndefined();
      });
    });
  });
}

/** Asks until the engine is lost. */
async function polled(engine: Engine): Promise<never> {
  for (;;) await engine.inspect();
}

/** Waits for a condition that comes true by itself; the test's own time limit ends it otherwise. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}

/** The code that a promise fails with; undefined when it does not. */
export async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    if (error instanceof HeddleError) return error.code;
    throw error;
  }
}

/** The code of what a call throws; undefined when it throws nothing. */
export function codeOfThrown(call: () => unknown): ErrorCode | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof HeddleError) return error.code;
    throw error;
  }
}

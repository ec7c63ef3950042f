import { describe, expect, test } from 'vitest';
import type { GenerateRequest } from '../core/generation.js';
import type { RequestUpdate } from '../core/request-update.js';
import { composeGrammar, inOrder, literal, repeated, textUntil } from '../grammar/index.js';
import { FakeRunner } from '../testing/fake-runner.js';
import { fakeTokenize } from '../testing/fake-vocabulary.js';
import { makeRequest } from '../testing/requests.js';
import { AbortBoard } from './abort-board.js';
import { EngineCore } from './engine-core.js';

function makeCore(modelPath = 'fake:'): { core: EngineCore; runner: FakeRunner } {
  const board = new AbortBoard();
  const load = { modelPath, contextSize: 512, slots: 4, batchSize: 64, threads: 1 };
  const runner = new FakeRunner(load, board.flag);
  return { core: new EngineCore(runner, board), runner };
}

const [channel, end] = ['<|channel|>', '<|end|>'].map(
  (text) => fakeTokenize(text, { addSpecial: false, parseSpecial: true })[0] ?? 0,
) as [number, number];

function run(core: EngineCore): RequestUpdate[] {
  const updates: RequestUpdate[] = [];
  while (!core.idle) {
    core.step();
    updates.push(...core.takeUpdates());
  }
  return updates;
}

const guided = (source: string, more: Partial<GenerateRequest> = {}): GenerateRequest => ({
  ...makeRequest({ stop: { maxTokens: 40 }, sampling: { temperature: 1, seed: 4 } }),
  grammar: { source, param: 'grammar' },
  ...more,
});

const textOf = (updates: readonly RequestUpdate[], id: string): string =>
  updates.map((update) => (update.kind === 'choice' && update.requestId === id ? update.text : '')).join('');

const finishOf = (updates: readonly RequestUpdate[], id: string): string | undefined =>
  updates
    .map((update) =>
      update.kind === 'choice' && update.requestId === id ? update.finish?.reason : undefined,
    )
    .find((reason) => reason !== undefined);

describe('a request with a grammar', () => {
  test('has texts of it, and ends when nothing can follow', () => {
    const { core } = makeCore();
    const request = guided('root ::= ("ab" | "cd"){5} "é"');
    core.generate(request, 0);
    const updates = run(core);
    expect(textOf(updates, request.id)).toMatch(/^(ab|cd){5}é$/);
    expect(finishOf(updates, request.id)).toBe('stop');
  });

  test('ends where its text is whole and where the limit is, with the reason for it', () => {
    const { core } = makeCore();
    const cut = guided('root ::= "x"{60}');
    const exact = guided('root ::= "x"{40}');
    core.generate(cut, 0);
    core.generate(exact, 1);
    const updates = run(core);
    expect([textOf(updates, cut.id).length, finishOf(updates, cut.id)]).toEqual([40, 'length']);
    expect([textOf(updates, exact.id).length, finishOf(updates, exact.id)]).toEqual([40, 'stop']);
  });

  test('can end only where its text is whole, although the model would end before', () => {
    const { core } = makeCore('fake:?endAfter=3');
    const request = guided('root ::= "x"{5,30}');
    core.generate(request, 0);
    const updates = run(core);
    expect(textOf(updates, request.id)).toBe('xxxxx');
    expect(finishOf(updates, request.id)).toBe('stop');
  });

  test('is worked on after the vocabulary was read, while others have their turn', () => {
    const { core } = makeCore();
    const plain = makeRequest();
    core.generate(guided('root ::= [a-z]+'), 0);
    core.generate(plain, 1);
    expect(core.takeUpdates().map(({ requestId, kind }) => [requestId, kind])).toEqual([
      [plain.id, 'accepted'],
    ]);
    expect(core.idle).toBe(false);
    const updates = run(core);
    expect(finishOf(updates, plain.id)).toBe('length');
    expect(updates.filter(({ kind }) => kind === 'accepted')).toHaveLength(1);
  });

  test('can be cancelled while it waits for the vocabulary, and ends when the model is unloaded', () => {
    const { core } = makeCore();
    const [first, second] = [guided('root ::= "a"'), guided('root ::= "b"')];
    core.generate(first, 0);
    core.cancel(first.id);
    expect(core.takeUpdates()).toEqual([
      expect.objectContaining({
        kind: 'failed',
        requestId: first.id,
        error: expect.objectContaining({ code: 'request_cancelled' }) as object,
      }),
    ]);
    expect(core.idle).toBe(true);
    core.generate(second, 0);
    core.close();
    expect(core.takeUpdates()).toEqual([
      expect.objectContaining({
        requestId: second.id,
        error: expect.objectContaining({ code: 'model_unloading' }) as object,
      }),
    ]);
  });

  test('fails alone when its grammar can not be used, at once or later', () => {
    const { core } = makeCore();
    const wrong = guided('root ::= "a" other');
    const costly = guided('root ::= "xy" ( "a"? ){3000} "b"');
    const fine = guided('root ::= "fine"');
    for (const [lane, request] of [wrong, costly, fine].entries()) core.generate(request, lane);
    const updates = run(core);
    const failed = updates.filter((update) => update.kind === 'failed');
    expect(failed.map(({ requestId, error }) => [requestId, error.code])).toEqual([
      [wrong.id, 'invalid_parameter'],
      [costly.id, 'invalid_parameter'],
    ]);
    expect(failed[0]?.error.param).toBe('grammar');
    expect(textOf(updates, fine.id)).toBe('fine');
  });

  test('has control tokens in its text where they are text to the request, and no others', () => {
    const { core } = makeCore();
    const source = 'root ::= "<|channel|>" "<|end|>" "."';
    const sampling = { temperature: 1, logitBias: [channel, end].map((token) => [token, 100] as const) };
    const text = (controlTokens: string[]): [string, number | undefined] => {
      const request = guided(source, {
        ...makeRequest({ sampling, stop: { maxTokens: 40 } }),
        controlTokens,
      });
      core.generate(request, 0);
      const updates = run(core);
      const last = updates.findLast((update) => update.kind === 'choice');
      return [textOf(updates, request.id), last?.completionTokens];
    };
    const whole = '<|channel|><|end|>.';
    expect(text(['<|channel|>', '<|end|>', '<eos>'])).toEqual([whole, 3]);
    expect(text(['<|channel|>'])).toEqual([whole, 1 + 7 + 1]);
    expect(text([])).toEqual([whole, 11 + 7 + 1]);
  });

  test('has what ends its reasoning written into its opening', () => {
    const { core } = makeCore();
    const thought = textUntil('</think>', 'thought');
    const opening = composeGrammar({
      root: inOrder(literal('<think>'), thought.name, repeated(literal('\n'), 0, 2)),
      rules: [thought],
    });
    const request = guided('root ::= "{" [0-9]{3} "}"', {
      grammar: { source: 'root ::= "{" [0-9]{3} "}"', opening },
      reasoningLimit: { tokens: 4, open: '<think>', close: '</think>', closing: '. Enough.</think>\n\n' },
    });
    core.generate(request, 0);
    const updates = run(core);
    expect(textOf(updates, request.id)).toMatch(/^<think>.{4}\. Enough\.<\/think>\n\n\{\d{3}\}$/);
  });

  test('has nothing written into it where its grammar has no room for that', () => {
    const { core } = makeCore();
    const source = 'root ::= "<call>" "<think>" [a-z]{12} "</call>"';
    const request = guided(source, {
      reasoningLimit: { tokens: 3, open: '<think>', anywhere: true, close: '</think>', closing: '</think>' },
    });
    core.generate(request, 0);
    const updates = run(core);
    expect(textOf(updates, request.id)).toMatch(/^<call><think>[a-z]{12}<\/call>$/);
    expect(finishOf(updates, request.id)).toBe('stop');
  });

  test('fails with a reason when the model has no token to go on with', () => {
    const { core, runner } = makeCore();
    const tokenBytes = runner.tokenBytes.bind(runner);
    runner.tokenBytes = (token) => (token === 0xe2 ? new Uint8Array(0) : tokenBytes(token));
    const request = guided('root ::= "ab€"');
    core.generate(request, 0);
    const updates = run(core);
    expect(updates.at(-1)).toMatchObject({ kind: 'failed', error: { code: 'unsupported_by_model' } });
  });
});

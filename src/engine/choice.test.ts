import { describe, expect, test } from 'vitest';
import { createSequence } from '../core/sequence.js';
import type { Sampler } from '../core/model-runner.js';
import { FakeRunner } from '../testing/fake-runner.js';
import { beginToken, endToken } from '../testing/fake-vocabulary.js';
import { makeRequest } from '../testing/requests.js';
import { Choice } from './choice.js';

const runner = new FakeRunner(
  { modelPath: 'fake:', contextSize: 10, slots: 1, batchSize: 8, threads: 1 },
  new Uint8Array(2),
);
const sampler: Sampler = { sample: () => 0, accept() {}, dispose() {} };

function makeChoice(stop: NonNullable<Parameters<typeof makeRequest>[0]>['stop'], promptLength = 3): Choice {
  const request = makeRequest(stop === undefined ? {} : { stop });
  const sequence = createSequence(
    1,
    Array.from({ length: promptLength }, () => 97),
  );
  return new Choice({ request, lane: 0, index: 2, sequence, sampler });
}

const byte = (character: string): number => character.charCodeAt(0);

describe('a choice', () => {
  test('tells its text with the count so far', () => {
    const choice = makeChoice({});
    expect(choice.accept(byte('h'), runner, 0)).toEqual({
      kind: 'choice',
      requestId: choice.request.id,
      choice: 2,
      text: 'h',
      completionTokens: 1,
    });
    expect(choice.accept(byte('i'), runner, 0)).toMatchObject({ text: 'i', completionTokens: 2 });
  });

  test('has nothing to tell while a character is not complete', () => {
    const choice = makeChoice({});
    const [first = 0, second = 0, third = 0] = new TextEncoder().encode('€');
    expect(choice.accept(first, runner, 0)).toBeUndefined();
    expect(choice.accept(second, runner, 0)).toBeUndefined();
    expect(choice.accept(third, runner, 0)).toMatchObject({ text: '€', completionTokens: 3 });
  });

  test('has nothing to tell of a control token, but counts it', () => {
    const choice = makeChoice({});
    expect(choice.accept(beginToken, runner, 0)).toBeUndefined();
    expect(choice.accept(byte('h'), runner, 0)).toMatchObject({ text: 'h', completionTokens: 2 });
  });

  test('ends at an end token, which it does not count', () => {
    const choice = makeChoice({});
    choice.accept(byte('h'), runner, 0);
    expect(choice.accept(endToken, runner, 0)).toMatchObject({
      text: '',
      completionTokens: 1,
      finish: { reason: 'stop' },
    });
  });

  test('goes on at an end token that is ignored', () => {
    expect(makeChoice({ ignoreEos: true }).accept(endToken, runner, 0)).toBeUndefined();
  });

  test('ends at a stop token even when end tokens are ignored', () => {
    const choice = makeChoice({ ignoreEos: true, stopTokens: [endToken] });
    expect(choice.accept(endToken, runner, 0)?.finish).toEqual({ reason: 'stop' });
  });

  test('releases what was held for a stop string when it ends otherwise', () => {
    const choice = makeChoice({ stopStrings: ['hello'] });
    expect(choice.accept(byte('h'), runner, 0)).toBeUndefined();
    expect(choice.accept(byte('e'), runner, 0)).toBeUndefined();
    expect(choice.accept(endToken, runner, 0)).toMatchObject({ text: 'he', finish: { reason: 'stop' } });
  });

  test('ends before a stop string, and says which', () => {
    const choice = makeChoice({ stopStrings: ['xx', 'hi'] });
    choice.accept(byte('h'), runner, 0);
    expect(choice.accept(byte('i'), runner, 0)).toMatchObject({
      text: '',
      completionTokens: 2,
      finish: { reason: 'stop', stopString: 'hi' },
    });
  });

  test('that is complete with its last token ends because of the stop string', () => {
    const choice = makeChoice({ stopStrings: ['hi'], maxTokens: 2 });
    choice.accept(byte('h'), runner, 0);
    expect(choice.accept(byte('i'), runner, 0)?.finish).toEqual({ reason: 'stop', stopString: 'hi' });
  });

  test('has the text of the control tokens that were asked for, and of no others', () => {
    const request = { ...makeRequest(), controlTokens: ['<|channel|>', '<eos>'] };
    const choice = new Choice({ request, lane: 0, index: 0, sequence: createSequence(1, [97]), sampler });
    const [channel = 0, message = 0] = runner.tokenize('<|channel|><|message|>', {
      addSpecial: false,
      parseSpecial: true,
    });
    expect(choice.accept(channel, runner, 0)).toMatchObject({ text: '<|channel|>', completionTokens: 1 });
    expect(choice.accept(message, runner, 0)).toBeUndefined();
    expect(choice.accept(endToken, runner, 0)).toMatchObject({ text: '', finish: { reason: 'stop' } });
  });

  test('is told to answer when it has reasoned enough, with tokens that nobody draws', () => {
    const accepted: number[] = [];
    const drawing: Sampler = {
      sample: () => byte('a'),
      accept: (token) => accepted.push(token),
      dispose() {},
    };
    const reasoningLimit = { tokens: 2, open: '<', close: '<|end|>', closing: '.<|end|>' };
    const request = { ...makeRequest({ stop: { maxTokens: 6 } }), reasoningLimit };
    const sequence = createSequence(1, [97]);
    const choice = new Choice({ request, lane: 0, index: 0, sequence, sampler: drawing });
    choice.accept(byte('<'), runner, 0);
    const tokens = Array.from({ length: 5 }, () => choice.next(0, runner));
    const written = runner.tokenize('.<|end|>', { addSpecial: false, parseSpecial: true });
    expect(tokens.map(({ token }) => token)).toEqual([byte('a'), byte('a'), ...written, byte('a')]);
    expect(accepted).toEqual(written);
    expect(tokens.at(-1)?.update).toMatchObject({ completionTokens: 6, finish: { reason: 'length' } });
  });

  test('ends at its token limit with the text of the last token, cut character and all', () => {
    const choice = makeChoice({ maxTokens: 2 });
    choice.accept(byte('h'), runner, 0);
    expect(choice.accept(0xc3, runner, 0)).toMatchObject({ text: '\uFFFD', finish: { reason: 'length' } });
  });

  test('ends when prompt and output fill the context', () => {
    const choice = makeChoice({ maxTokens: 100 }, 8);
    expect(choice.accept(byte('h'), runner, 0)?.finish).toBeUndefined();
    expect(choice.accept(byte('i'), runner, 0)).toMatchObject({ text: 'i', finish: { reason: 'length' } });
  });
});

describe('a choice whose likelihoods are asked for', () => {
  const words = ['a cat', ' sat.\n', '\n', 'END', '\xe2', '\x82', '\xac', '', '.', '\n\nEND\n'];

  /** Its tokens are words, in bytes, and the one without bytes is a control token. */
  class Words extends FakeRunner {
    constructor() {
      super({ modelPath: 'fake:', contextSize: 100, slots: 1, batchSize: 8, threads: 1 }, new Uint8Array(2));
      this.decode({ spans: [{ sequenceId: 1, slot: 0, start: 0, tokens: [97], output: true }], rows: 1 });
    }
    override tokenBytes(token: number): Uint8Array {
      return Buffer.from(words[token] ?? '', 'latin1');
    }
    override endsGeneration(): boolean {
      return false;
    }
  }

  /** What is told of each token, in turn: its text, and the tokens whose likelihoods are told. */
  function tell(stopStrings: string[], tokens: number[], maxTokens = 50): (readonly [string, number[]])[] {
    const request = makeRequest({ stop: { stopStrings, maxTokens }, likelihoods: { top: 0 } });
    const choice = new Choice({ request, lane: 0, index: 0, sequence: createSequence(1, [97]), sampler });
    const model = new Words();
    return tokens.map((token) => {
      const update = choice.accept(token, model, 0);
      return [update?.text ?? '', update?.likelihoods?.map((one) => one.token) ?? []];
    });
  }

  test('tells them with the text of their tokens', () => {
    expect(tell([], [0, 1])).toEqual([
      ['a cat', [0]],
      [' sat.\n', [1]],
    ]);
  });

  test('tells those of a character in several tokens when it is complete', () => {
    expect(tell([], [4, 5, 6, 0])).toEqual([
      ['', []],
      ['', []],
      ['€', [4, 5, 6]],
      ['a cat', [0]],
    ]);
  });

  test('tells those of a character that is never completed with what stands for it', () => {
    expect(tell([], [0, 4, 5], 3)).toEqual([
      ['a cat', [0]],
      ['', []],
      ['\uFFFD', [4, 5]],
    ]);
  });

  test('tells that of a control token at once, or after what is held before it', () => {
    expect(tell(['. END'], [7, 8, 7, 0])).toEqual([
      ['', [7]],
      ['', []],
      ['', []],
      ['.a cat', [8, 7, 0]],
    ]);
  });

  test('tells that of a token whose text a stop string cuts in two, and none of those behind', () => {
    expect(tell(['\n\nEND'], [0, 1, 2, 3])).toEqual([
      ['a cat', [0]],
      [' sat.', [1]],
      ['', []],
      ['', []],
    ]);
    expect(tell(['\n\nEND'], [0, 9])).toEqual([
      ['a cat', [0]],
      ['', []],
    ]);
  });

  test('tells those of what was held back when it was no stop string', () => {
    expect(tell(['\n\nEND'], [1, 2, 7, 0])).toEqual([
      [' sat.', [1]],
      ['', []],
      ['', []],
      ['\n\na cat', [2, 7, 0]],
    ]);
  });
});

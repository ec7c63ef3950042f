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
    expect(choice.accept(byte('h'), runner)).toEqual({
      kind: 'choice',
      requestId: choice.request.id,
      choice: 2,
      text: 'h',
      completionTokens: 1,
    });
    expect(choice.accept(byte('i'), runner)).toMatchObject({ text: 'i', completionTokens: 2 });
  });

  test('has nothing to tell while a character is not complete', () => {
    const choice = makeChoice({});
    const [first = 0, second = 0, third = 0] = new TextEncoder().encode('€');
    expect(choice.accept(first, runner)).toBeUndefined();
    expect(choice.accept(second, runner)).toBeUndefined();
    expect(choice.accept(third, runner)).toMatchObject({ text: '€', completionTokens: 3 });
  });

  test('has nothing to tell of a control token, but counts it', () => {
    const choice = makeChoice({});
    expect(choice.accept(beginToken, runner)).toBeUndefined();
    expect(choice.accept(byte('h'), runner)).toMatchObject({ text: 'h', completionTokens: 2 });
  });

  test('ends at an end token, which it does not count', () => {
    const choice = makeChoice({});
    choice.accept(byte('h'), runner);
    expect(choice.accept(endToken, runner)).toMatchObject({
      text: '',
      completionTokens: 1,
      finish: { reason: 'stop' },
    });
  });

  test('goes on at an end token that is ignored', () => {
    expect(makeChoice({ ignoreEos: true }).accept(endToken, runner)).toBeUndefined();
  });

  test('ends at a stop token even when end tokens are ignored', () => {
    const choice = makeChoice({ ignoreEos: true, stopTokens: [endToken] });
    expect(choice.accept(endToken, runner)?.finish).toEqual({ reason: 'stop' });
  });

  test('releases what was held for a stop string when it ends otherwise', () => {
    const choice = makeChoice({ stopStrings: ['hello'] });
    expect(choice.accept(byte('h'), runner)).toBeUndefined();
    expect(choice.accept(byte('e'), runner)).toBeUndefined();
    expect(choice.accept(endToken, runner)).toMatchObject({ text: 'he', finish: { reason: 'stop' } });
  });

  test('ends before a stop string, and says which', () => {
    const choice = makeChoice({ stopStrings: ['xx', 'hi'] });
    choice.accept(byte('h'), runner);
    expect(choice.accept(byte('i'), runner)).toMatchObject({
      text: '',
      completionTokens: 2,
      finish: { reason: 'stop', stopString: 'hi' },
    });
  });

  test('that is complete with its last token ends because of the stop string', () => {
    const choice = makeChoice({ stopStrings: ['hi'], maxTokens: 2 });
    choice.accept(byte('h'), runner);
    expect(choice.accept(byte('i'), runner)?.finish).toEqual({ reason: 'stop', stopString: 'hi' });
  });

  test('has the text of the control tokens that were asked for, and of no others', () => {
    const request = { ...makeRequest(), controlTokens: ['<|channel|>', '<eos>'] };
    const choice = new Choice({ request, lane: 0, index: 0, sequence: createSequence(1, [97]), sampler });
    const [channel = 0, message = 0] = runner.tokenize('<|channel|><|message|>', {
      addSpecial: false,
      parseSpecial: true,
    });
    expect(choice.accept(channel, runner)).toMatchObject({ text: '<|channel|>', completionTokens: 1 });
    expect(choice.accept(message, runner)).toBeUndefined();
    expect(choice.accept(endToken, runner)).toMatchObject({ text: '', finish: { reason: 'stop' } });
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
    choice.accept(byte('<'), runner);
    const tokens = Array.from({ length: 5 }, () => choice.next(0, runner));
    const written = runner.tokenize('.<|end|>', { addSpecial: false, parseSpecial: true });
    expect(tokens.map(({ token }) => token)).toEqual([byte('a'), byte('a'), ...written, byte('a')]);
    expect(accepted).toEqual(written);
    expect(tokens.at(-1)?.update).toMatchObject({ completionTokens: 6, finish: { reason: 'length' } });
  });

  test('ends at its token limit with the text of the last token, cut character and all', () => {
    const choice = makeChoice({ maxTokens: 2 });
    choice.accept(byte('h'), runner);
    expect(choice.accept(0xc3, runner)).toMatchObject({ text: '\uFFFD', finish: { reason: 'length' } });
  });

  test('ends when prompt and output fill the context', () => {
    const choice = makeChoice({ maxTokens: 100 }, 8);
    expect(choice.accept(byte('h'), runner)?.finish).toBeUndefined();
    expect(choice.accept(byte('i'), runner)).toMatchObject({ text: 'i', finish: { reason: 'length' } });
  });
});

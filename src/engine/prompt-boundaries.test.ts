import { afterAll, describe, expect, test } from 'vitest';
import type { Prompt } from '../core/generation.js';
import { AbortBoard } from './abort-board.js';
import { FakeRunner } from '../testing/fake-runner.js';
import { promptBoundaries } from './prompt-boundaries.js';

const room = { modelPath: 'fake:', contextSize: 512, slots: 1, residentSlots: 0, batchSize: 64, threads: 1 };
const runner = new FakeRunner(room, new AbortBoard().flag);
afterAll(() => runner.dispose());

function positions(text: string, boundaries: readonly number[], addSpecial = false): readonly number[] {
  const prompt = { kind: 'text' as const, text, addSpecial, parseSpecial: true, boundaries };
  return promptBoundaries(runner, prompt, runner.tokenize(text, prompt));
}

describe('where the messages of a prompt end, in tokens', () => {
  test('is found by the bytes that tokens are read from, control tokens included', () => {
    // Each byte is a token, and so is each control token that is written out.
    expect(positions('ab<eos>cd<eos>', [2, 9])).toEqual([2, 5]);
    expect(positions('aé🧵<eos>cd', [2, 4, 11])).toEqual([3, 7, 10]);
  });

  test('comes after a token that the vocabulary adds', () => {
    expect(runner.info.addsBos).toBe(true);
    expect(positions('abcd', [2], true)).toEqual([3]);
  });

  test('in the middle of a token is before it', () => {
    expect(positions('a<eos>b', [3])).toEqual([1]);
  });

  test('is known without a text where the client sent tokens', () => {
    const prompt: Prompt = { kind: 'tokens', tokens: [1, 2, 3, 4], boundaries: [0, 2, 4, 9] };
    expect(promptBoundaries(runner, prompt, prompt.tokens)).toEqual([2]);
  });

  test('is not known where nobody said, or where the tokens are not the text', () => {
    const prompt = { kind: 'text' as const, text: 'ab', addSpecial: false, parseSpecial: true };
    expect(promptBoundaries(runner, prompt, [97, 98])).toEqual([]);
    expect(promptBoundaries(runner, { ...prompt, text: 'abcdef', boundaries: [1] }, [97])).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';

import { encodePieces, decodePieces, trainMerges } from './bpe.js';
import { byteAlphabet, fromAlphabet, toAlphabet } from './byte-alphabet.js';
import { fixtureTokenizer } from './fixture-tokenizer.js';
import { tokenizerText } from './tokenizer-text.js';

describe('the byte alphabet', () => {
  it('has a different character for every byte, and printable ASCII stands for itself', () => {
    expect(new Set(byteAlphabet).size).toBe(256);
    expect(byteAlphabet[0x41]).toBe('A');
    expect(byteAlphabet[0x20]).toBe('Ġ');
    expect(byteAlphabet[0x0a]).toBe('Ċ');
  });

  it('turns text into characters and back', () => {
    const text = 'naïve — 🙂\n';
    expect(fromAlphabet(toAlphabet(text).join('')).toString('utf8')).toBe(text);
  });
});

describe('byte pair encoding', () => {
  it('merges the most frequent pair first', () => {
    expect(trainMerges('aab aab aab', 2)).toEqual([
      ['a', 'a'],
      ['aa', 'b'],
    ]);
  });

  it('stops when no pair occurs twice', () => {
    expect(trainMerges('abc', 10)).toEqual([]);
  });

  it('gives the same pieces whatever text comes before a word', () => {
    const merges = trainMerges(tokenizerText, 100);
    const alone = encodePieces(' thread', merges);
    expect(encodePieces('the thread', merges).slice(-alone.length)).toEqual(alone);
    expect(decodePieces(alone)).toBe(' thread');
  });
});

describe('the fixture tokenizer', () => {
  const tokenizer = fixtureTokenizer();

  it('has 512 different tokens, the control tokens last', () => {
    expect(tokenizer.tokens).toHaveLength(512);
    expect(new Set(tokenizer.tokens).size).toBe(512);
    expect(tokenizer.tokens.slice(-3)).toEqual(['<|endoftext|>', '<|im_start|>', '<|im_end|>']);
    expect([tokenizer.endOfText, tokenizer.endOfTurn]).toEqual([509, 511]);
  });

  it.each([tokenizerText, "It's 1234 — don't!  \n\n\t日本語 🙂 x", '<|im_start|>user\nHi<|im_end|>\n', ''])(
    'decodes what it encodes: %#',
    (text) => {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    },
  );

  it('needs about a third as many tokens as its text has characters', () => {
    expect(tokenizer.encode(tokenizerText).length).toBeLessThan(tokenizerText.length / 2.5);
  });

  it('reads control tokens as one token each', () => {
    expect(tokenizer.encode('<|im_end|>')).toEqual([tokenizer.endOfTurn]);
  });

  it('tells text from parts of characters and control characters', () => {
    const isText = (text: string): boolean => tokenizer.isText(tokenizer.encode(text)[0] ?? -1);
    expect(isText(' the')).toBe(true);
    expect(isText('\n')).toBe(true);
    expect(isText('\u0000')).toBe(false);
    expect(isText('日')).toBe(false);
    expect(isText('<|im_end|>')).toBe(false);
  });

  it('pads a larger vocabulary and keeps the first ids', () => {
    const padded = fixtureTokenizer(520);
    expect(padded.tokens.slice(0, 512)).toEqual(tokenizer.tokens);
    expect(padded.tokens.slice(512)).toEqual(Array.from({ length: 8 }, (_, i) => `[PAD${512 + i}]`));
    expect(() => fixtureTokenizer(511)).toThrow(RangeError);
  });
});

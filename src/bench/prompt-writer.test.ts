import { describe, expect, it } from 'vitest';
import { PromptWriter } from './prompt-writer.js';
import { words } from './words.js';

const writer = (seed: string, tokensPerWord = 1): PromptWriter => new PromptWriter(seed, { tokensPerWord });

describe('a prompt writer', () => {
  it.each([1, 1.25, 1.9, 3])(
    'meets the wanted tokens to half a word, at %f tokens a word',
    (tokensPerWord) => {
      for (const tokens of [1, 16, 100, 4096]) {
        const written = writer('seed', tokensPerWord).text('key', tokens).split(' ').length * tokensPerWord;
        const tolerance = Math.max(tokensPerWord / 2, tokensPerWord - tokens); // one word is the least
        expect(Math.abs(written - tokens)).toBeLessThanOrEqual(tolerance);
      }
    },
  );

  it('estimates the tokens of what it wrote', () => {
    const some = writer('seed', 1.5);
    expect(some.tokensOf(some.text('key', 300))).toBe(300);
  });

  it('writes the same text for the same seed and key, whatever was written before', () => {
    const [one, other] = [writer('seed'), writer('seed')];
    other.text('another', 50);
    expect(one.text('key', 50)).toBe(other.text('key', 50));
  });

  it('writes other texts for other keys and seeds, with hardly a beginning in common', () => {
    const texts = Array.from({ length: 200 }, (_, index) => writer(`${index % 10}`).text(`${index}`, 20));
    expect(new Set(texts).size).toBe(200);
    const beginnings = new Set(texts.map((text) => text.split(' ').slice(0, 3).join(' ')));
    expect(beginnings.size).toBe(200);
  });

  it('uses the whole list of words, each of which is there once', () => {
    expect(new Set(words).size).toBe(words.length);
    expect(new Set(writer('seed').words('key', 20_000).split(' '))).toEqual(new Set(words));
  });
});

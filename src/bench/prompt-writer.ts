import { randomOf } from './random.js';
import { words } from './words.js';

/** How text becomes prompt tokens on the measured server. */
export interface Calibration {
  readonly tokensPerWord: number;
  /** Tokens of a prompt with one message besides its words: the chat template's. */
  readonly templateTokens: number;
  /** False when the server told no token counts, and English is assumed. */
  readonly measured: boolean;
}

/** What English takes with the vocabularies of today's large models, about; for servers that tell no token counts. */
export const assumedCalibration: Calibration = { tokensPerWord: 1.3, templateTokens: 10, measured: false };

/** Writes texts that the seed and their key alone decide; two of them have hardly more than a word in common at their beginning. */
export class PromptWriter {
  readonly #seed: string;
  readonly #tokensPerWord: number;

  constructor(seed: string, { tokensPerWord }: Pick<Calibration, 'tokensPerWord'>) {
    this.#seed = seed;
    this.#tokensPerWord = tokensPerWord;
  }

  /** A text of this many tokens on average over all texts, at least one word. */
  text(key: string, tokens: number): string {
    return this.words(key, Math.max(1, Math.round(tokens / this.#tokensPerWord)));
  }

  /** How many tokens a text of {@link text} has, about. */
  tokensOf(text: string): number {
    return text.split(' ').length * this.#tokensPerWord;
  }

  /** A text of this many words. */
  words(key: string, count: number): string {
    const random = randomOf(`${this.#seed}/${key}`);
    return Array.from({ length: count }, () => words[Math.floor(random() * words.length)]).join(' ');
  }
}

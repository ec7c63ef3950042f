import assert from 'node:assert/strict';
import type { SamplingParams, Token } from '../../src/core/generation.js';
import type { Answer, WitnessedEngine } from './witnessed-engine.js';

/** A prompt, and what an engine whose caches are on, or that had too much to do, said after it. */
export interface Turn {
  readonly prompt: readonly Token[];
  readonly sampling: Partial<SamplingParams>;
  readonly maxTokens: number;
  readonly answer: Answer;
}

/**
 * How far log-probabilities may be apart that were computed in steps of another shape: rounding
 * (docs/decisions/0013), and room. What a wrong cache leads to is wrong by whole units.
 */
const roundings: Readonly<Record<string, number>> = { starter: 0.5, gemma3: 0.1 };
const usualRounding = 0.002;

/** Holds answers against those of an engine that computes each prompt alone and whole. */
export class UncachedComparison {
  readonly #plain: WitnessedEngine;
  readonly #rounding: number;
  /** Answers that were compared, and those that went another way where rounding decides. */
  readonly counts = { answers: 0, nearTies: 0 };

  /** @param plain an engine without caches */
  constructor(plain: WitnessedEngine, model: string) {
    this.#plain = plain;
    this.#rounding = roundings[model] ?? usualRounding;
  }

  /**
   * The text is the same, and every token was as likely when it was drawn. Where the text is another one, what was drawn
   * first was as likely as here, and as likely as what is drawn here, but for rounding.
   */
  async check({ prompt, sampling, maxTokens, answer }: Turn): Promise<void> {
    const expected = await this.#plain.ask(prompt, { maxTokens, sampling, use: false });
    this.counts.answers++;
    const differs = answer.tokens.findIndex((token, at) => token !== expected.tokens[at]);
    const same = differs < 0 ? expected.tokens.length : differs;
    for (let at = 0; at < same; at++)
      this.#expectAsLikely(answer.logProbabilities[at], expected.logProbabilities[at]);
    if (differs < 0) {
      assert.deepEqual(answer.tokens, expected.tokens);
      return;
    }
    this.counts.nearTies++;
    const before = [...prompt, ...expected.tokens.slice(0, differs)];
    const likely = await this.#plain.logProbability(before, answer.tokens[differs] ?? 0);
    this.#expectAsLikely(answer.logProbabilities[differs], likely);
    // A draw goes another way at an edge between two tokens; the most likely token is another one only in a tie.
    if (sampling.temperature !== 0) return;
    const best = await this.#plain.logProbability(before, expected.tokens[differs] ?? 0);
    assert.ok(best - likely < 2 * this.#rounding, `${best} and ${likely} are no tie`);
  }

  #expectAsLikely(one: number | undefined, other: number | undefined): void {
    const difference = Math.abs((one ?? NaN) - (other ?? NaN));
    assert.ok(difference < this.#rounding, `${one} and ${other} are ${difference} apart`);
  }
}

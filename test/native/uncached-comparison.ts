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

/**
 * Part of the answers of which a row may be read by other experts than alone. Where the scores of two experts tie, rounding
 * decides, and what comes of that row is another thing. It was seen in one of 2000 answers.
 */
const mostReroutings: Readonly<Record<string, number>> = { qwen3moe: 0.002 };
/** What a row was read by makes so little of a difference to the rows after it. */
const afterRerouting = 0.05;

/** Answers that were compared, those that went another way where rounding decides, and those of which a row did. */
interface Compared {
  readonly answers: number;
  readonly nearTies: number;
  readonly reroutings: number;
}

/** Holds answers against those of an engine that computes each prompt alone and whole. */
export class UncachedComparison {
  readonly #plain: WitnessedEngine;
  readonly #rounding: number;
  readonly #mostReroutings: number;
  /** What the other engine said, by what it was asked. */
  readonly #expected = new Map<string, Answer>();

  /** @param plain an engine without caches */
  constructor(plain: WitnessedEngine, model: string) {
    this.#plain = plain;
    this.#rounding = roundings[model] ?? usualRounding;
    this.#mostReroutings = mostReroutings[model] ?? 0;
  }

  async checkAll(turns: readonly Turn[]): Promise<Compared> {
    let nearTies = 0;
    let reroutings = 0;
    for (const turn of turns) {
      try {
        if (!(await this.#isSame(turn))) nearTies++;
      } catch (error) {
        const isOneTooMany = reroutings + 1 > turns.length * this.#mostReroutings;
        if (isOneTooMany || !(await this.#isRerouted(turn))) throw error;
        reroutings++;
      }
    }
    return { answers: turns.length, nearTies, reroutings };
  }

  async close(): Promise<void> {
    await this.#plain.close();
  }

  /**
   * The text is the same, and every token was as likely when it was drawn. Where the text is another one, what was drawn
   * first was as likely as here, and as likely as what is drawn here, but for rounding.
   * @returns whether the text is the same
   */
  async #isSame(turn: Turn): Promise<boolean> {
    const { prompt, sampling, answer } = turn;
    const expected = await this.#ask(turn);
    const differs = answer.tokens.findIndex((token, at) => token !== expected.tokens[at]);
    const same = differs < 0 ? expected.tokens.length : differs;
    for (let at = 0; at < same; at++)
      this.#expectAsLikely(answer.logProbabilities[at], expected.logProbabilities[at]);
    if (differs < 0) {
      assert.deepEqual(answer.tokens, expected.tokens);
      return true;
    }
    const before = [...prompt, ...expected.tokens.slice(0, differs)];
    const likely = await this.#plain.logProbability(before, answer.tokens[differs] ?? 0);
    this.#expectAsLikely(answer.logProbabilities[differs], likely);
    // A draw goes another way at an edge between two tokens; the most likely token is another one only in a tie.
    if (sampling.temperature !== 0) return false;
    const best = await this.#plain.logProbability(before, expected.tokens[differs] ?? 0);
    assert.ok(best - likely < 2 * this.#rounding, `${best} and ${likely} are no tie`);
    return false;
  }

  /** One token was drawn from another row than there is alone, and all others, those that read that row too, were not. */
  async #isRerouted({ prompt, answer: { tokens, logProbabilities } }: Turn): Promise<boolean> {
    let others = 0;
    for (const [at, token] of tokens.entries()) {
      const likely = await this.#plain.logProbability([...prompt, ...tokens.slice(0, at)], token);
      if (Math.abs(likely - (logProbabilities[at] ?? NaN)) < afterRerouting) others++;
    }
    return tokens.length > 2 && others === tokens.length - 1;
  }

  async #ask({ prompt, sampling, maxTokens }: Turn): Promise<Answer> {
    const key = JSON.stringify([prompt, sampling, maxTokens]);
    const known = this.#expected.get(key);
    if (known !== undefined) return known;
    const expected = await this.#plain.ask(prompt, { maxTokens, sampling, use: false });
    this.#expected.set(key, expected);
    return expected;
  }

  #expectAsLikely(one: number | undefined, other: number | undefined): void {
    const difference = Math.abs((one ?? NaN) - (other ?? NaN));
    assert.ok(difference < this.#rounding, `${one} and ${other} are ${difference} apart`);
  }
}

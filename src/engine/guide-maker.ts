import { HeddleError } from '../core/errors.js';
import type { GrammarSource } from '../core/generation.js';
import type { ModelRunner } from '../core/model-runner.js';
import { Grammar } from '../grammar/grammar.js';
import { GrammarGuide, type ControlTokens } from '../grammar/grammar-guide.js';
import { GrammarMemory } from '../grammar/grammar-memory.js';
import { GrammarVocabulary } from '../grammar/grammar-vocabulary.js';
import { limits } from '../grammar/limits.js';

/** Makes guides for an engine's choices, and keeps the grammars that it was asked for last. */
export class GuideMaker {
  readonly #runner: ModelRunner;
  /** By source, the latest used last. */
  readonly #grammars = new Map<string, Grammar>();
  readonly #memory = new GrammarMemory();
  #reading: Generator<void, GrammarVocabulary> | undefined;
  #vocabulary: GrammarVocabulary | undefined;

  constructor(runner: ModelRunner) {
    this.#runner = runner;
  }

  /**
   * Reads the model's vocabulary, which takes a while the first time.
   * @param milliseconds how long to read before others must have their turn
   * @returns it has been read: {@link guide} can be called
   */
  prepare(milliseconds: number): boolean {
    if (this.#vocabulary !== undefined) return true;
    this.#reading ??= this.#startReading();
    const until = performance.now() + milliseconds;
    do {
      const read = this.#reading.next();
      if (read.done === true) this.#vocabulary = read.value;
    } while (this.#vocabulary === undefined && performance.now() < until);
    if (this.#vocabulary === undefined) return false;
    this.#reading = undefined;
    return true;
  }

  /**
   * @param options.ignoreEnd end tokens may not come, not even after a whole text
   * @param options.controlTokens those that are text, as they are written
   * @throws HeddleError `invalid_parameter` when the grammar can not be read or used
   */
  guide(
    source: GrammarSource,
    { ignoreEnd, controlTokens }: { ignoreEnd: boolean; controlTokens: readonly string[] },
  ): GrammarGuide {
    this.prepare(Infinity);
    if (this.#vocabulary === undefined)
      throw new HeddleError('internal_error', 'The vocabulary was not read to its end.');
    return new GrammarGuide(this.#grammar(source), this.#vocabulary, {
      ignoreEnd,
      controlTokens: this.#controlTokens(controlTokens),
    });
  }

  /** Those of them that have no text otherwise. */
  #controlTokens(texts: readonly string[]): ControlTokens {
    const tokens = new Map<number, Uint8Array>();
    for (const text of texts) {
      const token = this.#findToken(text);
      if (token === undefined || this.#runner.endsGeneration(token)) continue;
      if (this.#runner.tokenBytes(token).length === 0 && this.#runner.controlText(token) === text)
        tokens.set(token, Buffer.from(text));
    }
    return tokens;
  }

  #findToken(text: string): number | undefined {
    const tokens = this.#runner.tokenize(text, { addSpecial: false, parseSpecial: true });
    return tokens.length === 1 ? tokens[0] : undefined;
  }

  #grammar({ source, opening, param }: GrammarSource): Grammar {
    const key = opening === undefined ? source : `${opening}\0${source}`;
    const known = this.#grammars.get(key);
    this.#grammars.delete(key);
    const findToken = (text: string): number | undefined => this.#findToken(text);
    const grammar =
      known ??
      new Grammar(source, {
        findToken,
        memory: this.#memory,
        ...(opening === undefined ? {} : { opening }),
        ...(param === undefined ? {} : { param }),
      });
    this.#grammars.set(key, grammar);
    for (const [oldest] of this.#grammars) {
      if (this.#grammars.size <= limits.keptGrammars) break;
      this.#grammars.delete(oldest);
    }
    return grammar;
  }

  #startReading(): Generator<void, GrammarVocabulary> {
    const runner = this.#runner;
    return GrammarVocabulary.read({
      size: runner.info.vocabularySize,
      bytes: (token) => runner.tokenBytes(token),
      ends: (token) => runner.endsGeneration(token),
    });
  }
}

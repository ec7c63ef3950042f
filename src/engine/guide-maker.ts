import { HeddleError } from '../core/errors.js';
import type { GrammarSource } from '../core/generation.js';
import type { ModelRunner } from '../core/model-runner.js';
import { Grammar } from '../grammar/grammar.js';
import { GrammarGuide } from '../grammar/grammar-guide.js';
import { GrammarVocabulary } from '../grammar/grammar-vocabulary.js';
import { limits } from '../grammar/limits.js';

/** Makes guides for an engine's choices, and keeps the grammars that it was asked for last. */
export class GuideMaker {
  readonly #runner: ModelRunner;
  /** By source, the latest used last. */
  readonly #grammars = new Map<string, Grammar>();
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
   * @throws HeddleError `invalid_parameter` when the grammar can not be read or used
   */
  guide({ source, param }: GrammarSource, options: { ignoreEnd: boolean }): GrammarGuide {
    this.prepare(Infinity);
    if (this.#vocabulary === undefined)
      throw new HeddleError('internal_error', 'The vocabulary was not read to its end.');
    return new GrammarGuide(this.#grammar(source, param), this.#vocabulary, options);
  }

  #grammar(source: string, param: string | undefined): Grammar {
    const known = this.#grammars.get(source);
    this.#grammars.delete(source);
    const findToken = (text: string): number | undefined => {
      const tokens = this.#runner.tokenize(text, { addSpecial: false, parseSpecial: true });
      return tokens.length === 1 ? tokens[0] : undefined;
    };
    const grammar = known ?? new Grammar(source, param === undefined ? { findToken } : { findToken, param });
    this.#grammars.set(source, grammar);
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

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
  #vocabulary: GrammarVocabulary | undefined;

  constructor(runner: ModelRunner) {
    this.#runner = runner;
  }

  /**
   * @param options.ignoreEnd end tokens may not come, not even after a whole text
   * @throws HeddleError `invalid_parameter` when the grammar can not be read or used
   */
  guide({ source, param }: GrammarSource, options: { ignoreEnd: boolean }): GrammarGuide {
    this.#vocabulary ??= this.#readVocabulary();
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

  #readVocabulary(): GrammarVocabulary {
    const { vocabularySize } = this.#runner.info;
    const tokens = Array.from({ length: vocabularySize }, (_, token) => token);
    return new GrammarVocabulary(
      tokens.map((token) => this.#runner.tokenBytes(token)),
      tokens.filter((token) => this.#runner.endsGeneration(token)),
    );
  }
}

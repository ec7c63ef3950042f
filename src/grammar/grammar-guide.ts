import { HeddleError } from '../core/errors.js';
import type { TokenGuide } from '../core/token-guide.js';
import type { Grammar } from './grammar.js';
import { isOver, type GrammarState } from './grammar-state.js';
import type { GrammarVocabulary } from './grammar-vocabulary.js';
import { addToken, isEmptyTokenSet, type TokenSet } from './token-set.js';

/** Where so many of the 256 bytes may follow, nearly all tokens may, and to find out which takes longest. */
const wide = 128;
const mostRedraws = 4;

/** Control tokens that appear in a text, with what they are there. */
export type ControlTokens = ReadonlyMap<number, Uint8Array>;

const noControlTokens: ControlTokens = new Map();

/** Keeps one generated text within a grammar. */
export class GrammarGuide implements TokenGuide {
  readonly #grammar: Grammar;
  readonly #vocabulary: GrammarVocabulary;
  readonly #endTokens: readonly number[];
  readonly #controlTokens: ControlTokens;
  #state: GrammarState;

  /**
   * @param options.ignoreEnd end tokens may not come, not even after a whole text
   * @param options.controlTokens those that are text, as the grammar sees them; none when absent
   */
  constructor(
    grammar: Grammar,
    vocabulary: GrammarVocabulary,
    options: { ignoreEnd: boolean; controlTokens?: ControlTokens },
  ) {
    this.#grammar = grammar;
    this.#vocabulary = vocabulary;
    this.#endTokens = options.ignoreEnd ? [] : vocabulary.endTokens;
    this.#controlTokens = options.controlTokens ?? noControlTokens;
    this.#state = grammar.start;
  }

  /** The text is whole, and nothing can follow it. */
  get isOver(): boolean {
    return isOver(this.#state);
  }

  /** The text is whole as it is. */
  get isComplete(): boolean {
    return this.#state.isComplete;
  }

  get redraws(): number {
    return this.#grammar.width(this.#state) >= wide ? mostRedraws : 0;
  }

  allows(token: number): boolean {
    if (this.#state.isComplete && this.#endTokens.includes(token)) return true;
    return this.#after(token) !== null;
  }

  /** All of these may come, one after the other. */
  allowsAll(tokens: readonly number[]): boolean {
    let state: GrammarState | null = this.#state;
    for (const token of tokens) {
      state = this.#afterState(state, token);
      if (state === null) return false;
    }
    return true;
  }

  allowed(): TokenSet {
    const set = this.#vocabulary.allowed(this.#grammar, this.#state);
    const others = [...this.#controlTokens.keys()].filter((token) => this.#after(token) !== null);
    if (this.#state.isComplete) others.push(...this.#endTokens);
    if (others.length === 0) return this.#checked(set);
    const withOthers = set.slice();
    for (const token of others) addToken(withOthers, token);
    return withOthers;
  }

  /**
   * A token was drawn, which does not end the generation.
   * @throws HeddleError `native_call_failed` when it is not allowed: a sampler did not obey
   */
  accept(token: number): void {
    const after = this.#after(token);
    if (after === null)
      throw new HeddleError(
        'native_call_failed',
        `Token ${token} was drawn, which the grammar does not allow.`,
      );
    this.#state = after;
  }

  #after(token: number): GrammarState | null {
    return this.#afterState(this.#state, token);
  }

  #afterState(state: GrammarState, token: number): GrammarState | null {
    const bytes = this.#controlTokens.get(token) ?? this.#vocabulary.bytes(token);
    return this.#grammar.afterToken(state, token, bytes);
  }

  #checked(set: TokenSet): TokenSet {
    if (!isEmptyTokenSet(set)) return set;
    throw new HeddleError(
      'unsupported_by_model',
      'The text can not go on: this model has no token for any character that the grammar allows next.',
    );
  }
}

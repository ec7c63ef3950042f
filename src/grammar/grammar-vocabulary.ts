import { HeddleError } from '../core/errors.js';
import type { Grammar } from './grammar.js';
import type { GrammarState } from './grammar-state.js';
import { limits } from './limits.js';
import { addToken, emptyTokenSet, type TokenSet } from './token-set.js';
import { buildTokenTrie, type TokenTrie } from './token-trie.js';

const noBytes = new Uint8Array(0);

/** A model's tokens, as a grammar sees them. */
export class GrammarVocabulary {
  readonly size: number;
  readonly endTokens: readonly number[];
  readonly #trie: TokenTrie;
  /** By token, its bytes as characters. */
  readonly #texts: readonly string[];
  /** By the mark of a state, the latest used last. A state would keep all states that it knows to follow it. */
  readonly #sets = new Map<object, TokenSet>();

  private constructor(texts: readonly string[], endTokens: readonly number[], trie: TokenTrie) {
    this.size = texts.length;
    this.endTokens = endTokens;
    this.#texts = texts;
    this.#trie = trie;
  }

  /**
   * Reads a vocabulary, a part at a time: a large one takes half a second.
   * @param source.bytes what a token adds to a text; nothing for control tokens
   * @param source.ends the token ends a generation: its bytes are no text
   */
  static *read(source: {
    readonly size: number;
    bytes(token: number): Uint8Array;
    ends(token: number): boolean;
  }): Generator<void, GrammarVocabulary> {
    const texts: string[] = [];
    const endTokens: number[] = [];
    for (let token = 0; token < source.size; token++) {
      const ends = source.ends(token);
      if (ends) endTokens.push(token);
      const bytes = ends ? noBytes : source.bytes(token);
      texts.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'));
      if (token % 256 === 0) yield;
    }
    return new GrammarVocabulary(texts, endTokens, yield* buildTokenTrie(texts));
  }

  /** The bytes of a token; none when it ends a generation. */
  bytes(token: number): Uint8Array {
    return Buffer.from(this.#texts[token] ?? '', 'latin1');
  }

  /**
   * The tokens that may follow, by their text or because the grammar names them; end tokens only as the latter. To be read only.
   * @throws HeddleError `invalid_parameter` when it would take too long to find out
   */
  allowed(grammar: Grammar, state: GrammarState): TokenSet {
    const known = this.#sets.get(state.mark);
    this.#sets.delete(state.mark);
    const set = known ?? this.#find(grammar, state);
    this.#sets.set(state.mark, set);
    for (const [oldest] of this.#sets) {
      if (this.#sets.size <= limits.keptTokenSets) break;
      this.#sets.delete(oldest);
    }
    return set;
  }

  #find(grammar: Grammar, from: GrammarState): TokenSet {
    const set = emptyTokenSet(this.size);
    for (const token of grammar.namedTokens(from)) if (token < this.size) addToken(set, token);
    const { nodes, bytes, depths, ends, tokens, sames, deepest } = this.#trie;
    const states = Array.from({ length: deepest + 1 }, () => from);
    const most = grammar.work + limits.workForToken;
    const { byteClasses } = grammar;
    for (let node = 0; node < nodes;) {
      const depth = depths[node] as number;
      const before = states[depth - 1] as GrammarState;
      // Most bytes are known: a call for each would be most of the time that this takes.
      let state = before.next[byteClasses[bytes[node] as number] as number];
      if (state === undefined) {
        state = grammar.afterByte(before, bytes[node] as number);
        if (grammar.work > most)
          throw new HeddleError(
            'invalid_parameter',
            'The grammar is too costly: to find the tokens that may come next takes too long. Make it simpler.',
          );
      }
      if (state === null) {
        node = ends[node] as number;
        continue;
      }
      states[depth] = state;
      for (let token = tokens[node] as number; token >= 0; token = sames[token] as number) {
        set[token >>> 5] = (set[token >>> 5] as number) | (1 << (token & 31));
      }
      node++;
    }
    return set;
  }
}

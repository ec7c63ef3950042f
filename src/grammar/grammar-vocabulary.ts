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
  readonly #bytes: readonly Uint8Array[];
  /** By state, the latest used last. */
  readonly #sets = new Map<GrammarState, TokenSet>();

  /**
   * @param tokenBytes by token, the bytes that it adds to a text; none for control tokens
   * @param endTokens those that end a generation: their bytes are no text
   */
  constructor(tokenBytes: readonly Uint8Array[], endTokens: readonly number[]) {
    const ends = new Set(endTokens);
    this.size = tokenBytes.length;
    this.endTokens = endTokens;
    this.#bytes = tokenBytes.map((bytes, token) => (ends.has(token) ? noBytes : bytes));
    this.#trie = buildTokenTrie(this.#bytes);
  }

  /** The bytes of a token; none when it ends a generation. */
  bytes(token: number): Uint8Array {
    return this.#bytes[token] ?? noBytes;
  }

  /**
   * The tokens that may follow, by their text or because the grammar names them; end tokens only as the latter. To be read only.
   * @throws HeddleError `invalid_parameter` when it would take too long to find out
   */
  allowed(grammar: Grammar, state: GrammarState): TokenSet {
    const known = this.#sets.get(state);
    this.#sets.delete(state);
    const set = known ?? this.#find(grammar, state);
    this.#sets.set(state, set);
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
    const states = new Array<GrammarState>(deepest + 1).fill(from);
    const most = grammar.work + limits.workForToken;
    for (let node = 0; node < nodes;) {
      const depth = depths[node] as number;
      const state = grammar.afterByte(states[depth - 1] as GrammarState, bytes[node] as number);
      if (state === null) {
        node = ends[node] as number;
        continue;
      }
      if (grammar.work > most)
        throw new HeddleError(
          'invalid_parameter',
          'The grammar is too costly: to find the tokens that may come next takes too long. Make it simpler.',
        );
      states[depth] = state;
      for (let token = tokens[node] as number; token >= 0; token = sames[token] as number) {
        set[token >>> 5] = (set[token >>> 5] as number) | (1 << (token & 31));
      }
      node++;
    }
    return set;
  }
}

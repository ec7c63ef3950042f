import type { NamedGrammar } from '../../grammar/index.js';

/** Keeps what was made of the grammars that requests asked for last: to make one can take longer than to read the rest of a request. */
export class KeptGrammars<Value> {
  readonly #most: number;
  /** By what they were made of, the latest used last. */
  readonly #values = new Map<string, { readonly value: Value; readonly size: number }>();
  #size = 0;

  /** @param most characters of keys and grammars, all together */
  constructor(most: number) {
    this.#most = most;
  }

  /** @param make says how many characters it has; throws when there is no such grammar, which is not kept */
  get(key: string, make: () => { readonly value: Value; readonly characters: number }): Value {
    const known = this.#values.get(key);
    if (known !== undefined) {
      this.#values.delete(key);
      this.#values.set(key, known);
      return known.value;
    }
    const { value, characters } = make();
    const size = key.length + characters;
    this.#values.set(key, { value, size });
    this.#size += size;
    for (const [oldest, one] of this.#values) {
      if (this.#size <= this.#most) break;
      this.#values.delete(oldest);
      this.#size -= one.size;
    }
    return value;
  }
}

/** Of the rules of a grammar, names and all. */
export function charactersOf({ rules }: NamedGrammar): number {
  return [...rules].reduce((sum, [name, text]) => sum + name.length + text.length, 0);
}

import type { NamedGrammar } from '../../grammar/index.js';

/** Keeps what requests asked for last. */
export class KeptGrammars<Value> {
  readonly #most: number;
  /** By what they were made of, the latest used last. */
  readonly #values = new Map<string, { readonly value: Value; readonly size: number }>();
  #size = 0;

  /** @param most characters of keys and rules, all together */
  constructor(most: number) {
    this.#most = most;
  }

  /** @param make throws when there is no such grammar; that is not kept */
  get(
    key: string,
    make: () => { readonly value: Value; readonly rules: NamedGrammar['rules'] | undefined },
  ): Value {
    const known = this.#values.get(key);
    if (known !== undefined) {
      this.#values.delete(key);
      this.#values.set(key, known);
      return known.value;
    }
    const { value, rules } = make();
    let size = key.length;
    for (const [name, text] of rules ?? []) size += name.length + text.length;
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

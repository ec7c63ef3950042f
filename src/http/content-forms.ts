import type { ContentForm } from '../prompt/output/content-form.js';

/** Characters of keys and grammars that are kept, at most. */
const mostCharacters = 8 * 1024 * 1024;

/** Keeps the grammars that requests asked for last: to make one can take longer than to read the rest of a request. */
export class ContentForms {
  /** By what was asked for, the latest used last. */
  readonly #sources = new Map<string, ContentForm>();
  #characters = 0;

  /** @param make throws when there is no such grammar; that is not kept */
  get(key: string, make: () => ContentForm): ContentForm {
    const known = this.#sources.get(key);
    if (known !== undefined) {
      this.#sources.delete(key);
      this.#sources.set(key, known);
      return known;
    }
    const source = make();
    this.#sources.set(key, source);
    this.#characters += key.length + source.source.length;
    for (const [oldest, one] of this.#sources) {
      if (this.#characters <= mostCharacters) break;
      this.#sources.delete(oldest);
      this.#characters -= oldest.length + one.source.length;
    }
    return source;
  }
}

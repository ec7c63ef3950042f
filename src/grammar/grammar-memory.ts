import { limits } from './limits.js';

/** Keeps what it computed, and can compute it again. */
export interface Forgetful {
  /** Bytes of what it keeps, roughly. */
  readonly keptBytes: number;
  /** Lets go of all of it: `keptBytes` is 0 then. */
  forget(): void;
}

/** Only so many may be gone without being struck off. */
const mostGone = 4 * limits.keptGrammars;

/**
 * What the grammars of an engine keep of the texts that they read, together. Who keeps the most forgets first, once it is
 * too much. Grammars that nobody else refers to any more are not kept alive by it.
 */
export class GrammarMemory {
  readonly #most: number;
  readonly #keepers = new Set<WeakRef<Forgetful>>();
  #bytes = 0;

  /** @param most bytes that all may keep together */
  constructor(most: number = limits.keptStateBytes) {
    this.#most = most;
  }

  /** Bytes of all at most: those that are gone may still be in it. */
  get bytes(): number {
    return this.#bytes;
  }

  join(keeper: Forgetful): void {
    if (this.#keepers.size >= mostGone) this.#count();
    this.#keepers.add(new WeakRef(keeper));
  }

  /** One of them keeps more now. The bytes are in its `keptBytes` already. */
  grow(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#most) return;
    const keepers = this.#count().toSorted((a, b) => b.keptBytes - a.keptBytes);
    for (const keeper of keepers) {
      if (this.#bytes <= this.#most) return;
      this.#bytes -= keeper.keptBytes;
      keeper.forget();
    }
  }

  /** One of them has forgotten something by itself. */
  shrink(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** @returns those that are still there */
  #count(): Forgetful[] {
    const there: Forgetful[] = [];
    this.#bytes = 0;
    for (const reference of this.#keepers) {
      const keeper = reference.deref();
      if (keeper === undefined) {
        this.#keepers.delete(reference);
        continue;
      }
      there.push(keeper);
      this.#bytes += keeper.keptBytes;
    }
    return there;
  }
}

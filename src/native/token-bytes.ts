/**
 * The bytes of tokens, as far as they were asked for, in two tables and one store: so that a whole vocabulary takes what
 * its texts do and 6 bytes a token. An array for each token would take some 200.
 */
export class TokenBytes {
  /** Where the bytes of each token begin in the store, plus 1; 0 for a token that is not there. */
  readonly #starts: Uint32Array;
  /** How many they are. */
  readonly #lengths: Uint16Array;
  /** Tokens too long for that table. */
  readonly #long = new Map<number, Uint8Array>();
  #store = new Uint8Array(4096);
  #used = 0;

  /** @param size tokens of the vocabulary */
  constructor(size: number) {
    this.#starts = new Uint32Array(size);
    this.#lengths = new Uint16Array(size);
  }

  /** A copy: a view would take the whole store along to another thread. Undefined for a token that was not added. */
  get(token: number): Uint8Array | undefined {
    const start = this.#starts[token] ?? 0;
    if (start === 0) return this.#long.get(token)?.slice();
    return this.#store.slice(start - 1, start - 1 + (this.#lengths[token] ?? 0));
  }

  /** Keeps a copy. */
  add(token: number, bytes: Uint8Array): void {
    if (bytes.length > 0xffff) {
      this.#long.set(token, bytes.slice());
      return;
    }
    const end = this.#used + bytes.length;
    if (end > this.#store.length) this.#grow(end);
    this.#store.set(bytes, this.#used);
    this.#starts[token] = this.#used + 1;
    this.#lengths[token] = bytes.length;
    this.#used = end;
  }

  /** Memory of all tables, bytes. */
  get byteLength(): number {
    const long = [...this.#long.values()].reduce((sum, { length }) => sum + length, 0);
    return this.#starts.byteLength + this.#lengths.byteLength + this.#store.byteLength + long;
  }

  #grow(needed: number): void {
    const larger = new Uint8Array(Math.max(needed, 2 * this.#store.length));
    larger.set(this.#store.subarray(0, this.#used));
    this.#store = larger;
  }
}

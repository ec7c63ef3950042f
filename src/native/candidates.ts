import koffi from 'koffi';
import { HeddleError } from '../core/errors.js';
import type { Token } from '../core/generation.js';
import { floatsAt } from './floats-at.js';
import type { Pointer } from './llama-structs.js';

/** `llama_token_data`: the token, its logit, its probability; 4 bytes each. */
const fields = 3;
const candidateBytes = 4 * fields;

/**
 * The tokens that one is drawn from: a `llama_token_data_array` and its memory, made once and written through typed
 * arrays. Samplers sort and shorten it, so it is filled anew for each draw.
 *
 * It is plain JavaScript memory whose address is handed to the library for the length of a call: array buffers do not
 * move, and this object keeps them alive.
 */
export class Candidates {
  readonly #size: number;
  readonly #tokens: Int32Array;
  readonly #logits: Float32Array;
  /** `data`, `size`, `selected`, `sorted`; 8 bytes each, with the padding of the last. */
  readonly #array = new BigInt64Array(new ArrayBuffer(32));
  readonly #data: Pointer;
  /** Of the `llama_token_data_array`. */
  readonly address: Pointer;

  /** @param size of the vocabulary */
  constructor(size: number) {
    const memory = new ArrayBuffer(size * candidateBytes);
    this.#size = size;
    this.#tokens = new Int32Array(memory);
    this.#logits = new Float32Array(memory);
    this.#data = koffi.address(this.#tokens);
    this.address = koffi.address(this.#array);
  }

  /**
   * All tokens.
   * @param logits of a row, as long as the vocabulary
   * @param refused tokens that are as good as impossible
   */
  fill(logits: Pointer, refused: readonly Token[] = []): void {
    const values = floatsAt(logits, this.#size);
    for (let token = 0, at = 0; token < this.#size; token++, at += fields) {
      this.#tokens[at] = token;
      this.#logits[at + 1] = values[token] as number;
      this.#tokens[at + 2] = 0;
    }
    for (const token of refused) this.#logits[token * fields + 1] = -Infinity;
    this.#begin(this.#size);
  }

  /** Some tokens. @param allowed token t where bit t % 32 of word t / 32 is set */
  fillAllowed(logits: Pointer, allowed: Uint32Array): void {
    const values = floatsAt(logits, this.#size);
    let at = 0;
    for (let word = 0; word < allowed.length; word++) {
      for (let bits = allowed[word] as number; bits !== 0; bits &= bits - 1) {
        const token = word * 32 + (31 - Math.clz32(bits & -bits));
        if (token >= this.#size) break;
        this.#tokens[at] = token;
        this.#logits[at + 1] = values[token] as number;
        this.#tokens[at + 2] = 0;
        at += fields;
      }
    }
    this.#begin(at / fields);
  }

  /** The token that was drawn. @throws HeddleError `native_call_failed` when none was */
  selected(): Token {
    const [data = 0n, size = 0n, selected = -1n] = this.#array;
    if (data === this.#data && selected >= 0n && selected < size) {
      return this.#tokens[Number(selected) * fields] as number;
    }
    throw new HeddleError('native_call_failed', 'The samplers drew none of the tokens that they were given.');
  }

  #begin(count: number): void {
    this.#array[0] = this.#data;
    this.#array[1] = BigInt(count);
    this.#array[2] = -1n;
    this.#array[3] = 0n;
  }
}

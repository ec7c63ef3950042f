import { HeddleError } from '../core/errors.js';
import type { Token } from '../core/generation.js';
import type { ModelInfo } from '../core/model-runner.js';
import type { LlamaBindings } from './llama-bindings.js';
import type { Pointer } from './llama-structs.js';
import { cutLongRuns } from './long-runs.js';
import type { NativeHandle } from './native-handle.js';
import { TokenBytes } from './token-bytes.js';

const noBytes = new Uint8Array(0);

/** Of `enum llama_vocab_type`. */
const bpe = 2;
const wordPiece = 3;
const unigram = 4;

/** Text to tokens and back, with a model's own vocabulary. Its memory belongs to the model. */
export class Vocabulary {
  readonly #bindings: LlamaBindings;
  readonly #model: NativeHandle;
  readonly #vocabulary: Pointer;
  readonly #encoder = new TextEncoder();
  readonly #pieces: TokenBytes;
  /** Of tokens without bytes. */
  readonly #written = new Map<Token, number>();
  #piece = new Uint8Array(64);
  #endTokens: Token[] | undefined;
  readonly size: number;
  readonly #type: number;

  constructor(bindings: LlamaBindings, model: NativeHandle) {
    this.#bindings = bindings;
    this.#model = model;
    this.#vocabulary = bindings.llama_model_get_vocab(model.address);
    this.size = bindings.llama_vocab_n_tokens(this.#vocabulary);
    this.#type = bindings.llama_vocab_type(this.#vocabulary);
    this.#pieces = new TokenBytes(this.size);
  }

  /** @throws HeddleError `invalid_parameter` */
  tokenize(
    text: string,
    { addSpecial, parseSpecial }: { addSpecial: boolean; parseSpecial: boolean },
  ): Token[] {
    const pieces = this.#type === bpe ? cutLongRuns(text) : [text];
    const [first = '', ...rest] = pieces;
    const tokens = this.#tokenizePiece(first, addSpecial, parseSpecial);
    for (const piece of rest) {
      for (const token of this.#tokenizePiece(piece, false, parseSpecial)) tokens.push(token);
    }
    return tokens;
  }

  #tokenizePiece(text: string, addSpecial: boolean, parseSpecial: boolean): Token[] {
    const bytes = this.#encoder.encode(text);
    let tokens = new Int32Array(bytes.length + 16);
    let count = this.#tokenizeInto(tokens, bytes, addSpecial, parseSpecial);
    if (count < 0 && count > -(2 ** 31)) {
      tokens = new Int32Array(-count);
      count = this.#tokenizeInto(tokens, bytes, addSpecial, parseSpecial);
    }
    if (count < 0) {
      throw new HeddleError('invalid_parameter', `A text of ${bytes.length} bytes could not be tokenized.`);
    }
    return Array.from(tokens.subarray(0, count));
  }

  /** Bytes of text that one token can stand for at most; infinite for tokenizers that drop text (WPM, UGM). */
  longestTokenBytes(): number {
    if (this.#type === wordPiece || this.#type === unigram) return Infinity;
    const vocabulary = this.#live();
    let longest = 1;
    for (let token = 0; token < this.size; token++) {
      longest = Math.max(longest, Buffer.byteLength(this.#bindings.llama_vocab_get_text(vocabulary, token)));
    }
    return longest;
  }

  #tokenizeInto(tokens: Int32Array, bytes: Uint8Array, addSpecial: boolean, parseSpecial: boolean): number {
    return this.#bindings.llama_tokenize(
      this.#live(),
      bytes,
      bytes.length,
      tokens,
      tokens.length,
      addSpecial,
      parseSpecial,
    );
  }

  /** The bytes a token adds to the text; none for control tokens. */
  bytes(token: Token): Uint8Array {
    void this.#live();
    this.check(token);
    const known = this.#pieces.get(token);
    if (known !== undefined) return known;
    const piece = this.#readPiece(token, false);
    this.#pieces.add(token, piece);
    return piece;
  }

  /** Bytes of text that a token is read from, control tokens included. */
  writtenBytes(token: Token): number {
    const { length } = this.bytes(token);
    if (length > 0) return length;
    let written = this.#written.get(token);
    if (written === undefined) {
      written = Buffer.byteLength(this.text(token));
      this.#written.set(token, written);
    }
    return written;
  }

  /** A control token as it is written; empty for tokens that have bytes. */
  controlText(token: Token): string {
    return this.bytes(token).length > 0 ? '' : new TextDecoder().decode(this.#readPiece(token, true));
  }

  #readPiece(token: Token, special: boolean): Uint8Array {
    let length = this.#pieceInto(token, special);
    if (length < 0) {
      this.#piece = new Uint8Array(-length);
      length = this.#pieceInto(token, special);
    }
    return length > 0 ? this.#piece.slice(0, length) : noBytes;
  }

  #pieceInto(token: Token, special: boolean): number {
    return this.#bindings.llama_token_to_piece(
      this.#live(),
      token,
      this.#piece,
      this.#piece.length,
      0,
      special,
    );
  }

  endsGeneration(token: Token): boolean {
    this.check(token);
    return this.#bindings.llama_vocab_is_eog(this.#live(), token);
  }

  /** Every token that ends a generation. */
  endTokens(): readonly Token[] {
    if (this.#endTokens === undefined) {
      const vocabulary = this.#live();
      this.#endTokens = [];
      for (let token = 0; token < this.size; token++) {
        if (this.#bindings.llama_vocab_is_eog(vocabulary, token)) this.#endTokens.push(token);
      }
    }
    return this.#endTokens;
  }

  get addsBos(): boolean {
    return this.#bindings.llama_vocab_get_add_bos(this.#live());
  }

  get bos(): Token | undefined {
    const token = this.#bindings.llama_vocab_bos(this.#live());
    return token < 0 ? undefined : token;
  }

  get eos(): Token | undefined {
    const token = this.#bindings.llama_vocab_eos(this.#live());
    return token < 0 ? undefined : token;
  }

  /** Between two texts that are one input. */
  get sep(): Token | undefined {
    const token = this.#bindings.llama_vocab_sep(this.#live());
    return token < 0 ? undefined : token;
  }

  /** The vocabulary asks for an EOS token after a prompt. */
  get addsEos(): boolean {
    return this.#bindings.llama_vocab_get_add_eos(this.#live());
  }

  /** The vocabulary asks for a separator between two texts. */
  get addsSep(): boolean {
    return this.#bindings.llama_vocab_get_add_sep(this.#live());
  }

  /** The tokens that a text with a gap is written with; undefined where the model was not trained on such. */
  get fillInMiddle(): ModelInfo['fillInMiddle'] {
    const vocabulary = this.#live();
    const prefix = this.#bindings.llama_vocab_fim_pre(vocabulary);
    const suffix = this.#bindings.llama_vocab_fim_suf(vocabulary);
    const middle = this.#bindings.llama_vocab_fim_mid(vocabulary);
    return Math.min(prefix, suffix, middle) < 0 ? undefined : { prefix, suffix, middle };
  }

  /** A token as it is written in the vocabulary, control tokens included. */
  text(token: Token): string {
    this.check(token);
    return this.#bindings.llama_vocab_get_text(this.#live(), token);
  }

  /** @throws HeddleError `invalid_parameter` for a token outside the vocabulary: the library would abort the process */
  check(token: Token): void {
    if (Number.isInteger(token) && token >= 0 && token < this.size) return;
    throw new HeddleError(
      'invalid_parameter',
      `${token} is not a token of this model; its vocabulary has tokens 0 to ${this.size - 1}.`,
    );
  }

  /** The vocabulary's address, once the model was checked to be alive and used on its thread. */
  #live(): Pointer {
    void this.#model.address;
    return this.#vocabulary;
  }
}

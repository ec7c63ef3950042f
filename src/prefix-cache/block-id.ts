import { hash } from 'node:crypto';
import { endianness } from 'node:os';

/** Tokens of a block. */
export const blockTokens = 64;

/** SHA-256 in 64 lower-case hexadecimal digits: of a block, what it holds and all that comes before it. */
export type BlockId = string;

/** The parent of a prompt's first block. */
export const rootId: BlockId = '0'.repeat(64);

/** A block: a full run of prompt tokens. A snapshot: the state of a memory that can not be cut, at one position. */
export type BlockKind = 'block' | 'snapshot';

/** What tiers know of a block besides its bytes. */
export interface BlockKey {
  readonly id: BlockId;
  /** The block before this one, or {@link rootId}. */
  readonly parent: BlockId;
  readonly kind: BlockKind;
  /** Where the block's first token stands in the prompt. */
  readonly position: number;
  /** How many tokens: {@link blockTokens}, and fewer for a snapshot. */
  readonly tokens: number;
}

const idBytes = 32;
const kindAt = 3 * idBytes;
const tokensAt = kindAt + 4;

/**
 * What makes states exchangeable, as one hash: the model file, the native library's build, KV types and so on. Parts
 * are named, and their order does not matter.
 */
export function fingerprintOf(parts: Readonly<Record<string, string | number | boolean>>): string {
  const sorted = Object.entries(parts).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return hash('sha256', JSON.stringify(sorted), 'hex');
}

/**
 * The block ids of a growing token sequence: id = SHA-256(parent, fingerprint, salt, kind, tokens), so that equal ids
 * mean equal prompts from the first token on. Each token is hashed once, however often the sequence grows; the cost is
 * one SHA-256 of 356 bytes for each block.
 */
export class BlockChain {
  readonly #keys: BlockKey[] = [];
  /** What is hashed: parent, fingerprint, hash of the salt, kind, tokens. */
  readonly #preimage = Buffer.alloc(tokensAt + 4 * blockTokens);
  readonly #tokens = new Int32Array(this.#preimage.buffer, this.#preimage.byteOffset + tokensAt, blockTokens);
  #tail = 0;

  /**
   * @param fingerprint of {@link fingerprintOf}
   * @param salt keeps the prompts of those who do not share it apart; as long as one likes
   */
  constructor(fingerprint: string, salt = '') {
    this.#preimage.write(fingerprint, idBytes, 'hex');
    this.#preimage.write(hash('sha256', salt, 'hex'), 2 * idBytes, 'hex');
  }

  /** The full blocks so far, the first one first. */
  get keys(): readonly BlockKey[] {
    return this.#keys;
  }

  /** Tokens so far, those that fill no block included. */
  get length(): number {
    return this.#keys.length * blockTokens + this.#tail;
  }

  /** @param tokens that follow those so far; not kept */
  append(tokens: ArrayLike<number>): void {
    for (let i = 0; i < tokens.length; i++) {
      this.#tokens[this.#tail++] = tokens[i] ?? 0;
      if (this.#tail < blockTokens) continue;
      this.#keys.push(this.#key('block'));
      this.#tail = 0;
    }
  }

  /** The key of a snapshot taken after the last token so far; its parent is the last full block. */
  snapshotKey(): BlockKey {
    return this.#key('snapshot');
  }

  #key(kind: BlockKind): BlockKey {
    const parent = this.#keys.at(-1)?.id ?? rootId;
    const tokens = this.#tail;
    const preimage = this.#preimage.subarray(0, tokensAt + 4 * tokens);
    preimage.write(parent, 0, 'hex');
    preimage.writeUInt32LE(kind === 'block' ? 0 : 1, kindAt);
    const id = hash('sha256', littleEndian(preimage), 'hex');
    return { id, parent, kind, position: this.#keys.length * blockTokens, tokens };
  }
}

/** Ids are the same on all machines, so that a directory can move. */
function littleEndian(preimage: Buffer): Buffer {
  if (endianness() === 'LE') return preimage;
  const copy = Buffer.from(preimage);
  copy.subarray(tokensAt).swap32();
  return copy;
}

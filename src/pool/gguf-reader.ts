import type { FileHandle } from 'node:fs/promises';

/** GGUF_MAGIC, and the versions with 64-bit counts in the machine's byte order. */
const magic = 'GGUF';
const versions = [2, 3];

/** gguf_type of gguf.h. */
export const [boolType, stringType, arrayType] = [7, 8, 9];
const scalarBytes: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  [boolType]: 1,
  10: 8,
  11: 8,
  12: 8,
};

/** No key, no architecture's name and no chat template is longer, bytes. */
const longestText = 2 ** 20;

const chunkBytes = 2 ** 18;

/** Reads a file from its beginning, in chunks; what is stepped over in one go is not read. */
export class GgufReader {
  readonly #file: FileHandle;
  #chunk = Buffer.alloc(0);
  /** Of the chunk's first byte in the file, and of the next byte in the chunk. */
  #start = 0;
  #next = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** What the file begins with: how many tensors and metadata values it has; undefined where it is no GGUF file. */
  async counts(): Promise<{ readonly tensors: number; readonly values: number } | undefined> {
    if ((await this.bytes(magic.length)).toString('latin1') !== magic) return undefined;
    if (!versions.includes(await this.uint32())) return undefined;
    return { tensors: await this.uint64(), values: await this.uint64() };
  }

  /** A value of metadata; lists are stepped over, and are null. Whole numbers above 2^53 are rounded. */
  async value(type: number): Promise<string | number | boolean | null> {
    if (type === stringType) return this.text();
    if (type === arrayType) {
      await this.skipValue(type);
      return null;
    }
    const bytes = await this.bytes(sizeOf(type));
    switch (type) {
      case boolType:
        return bytes.readUInt8() !== 0;
      case 1:
      case 3:
      case 5:
        return bytes.readIntLE(0, bytes.length);
      case 6:
        return bytes.readFloatLE();
      case 10:
        return Number(bytes.readBigUInt64LE());
      case 11:
        return Number(bytes.readBigInt64LE());
      case 12:
        return bytes.readDoubleLE();
      default:
        return bytes.readUIntLE(0, bytes.length);
    }
  }

  /** @throws RangeError when the file ends before */
  async bytes(count: number): Promise<Buffer> {
    if (this.#next + count > this.#chunk.length) await this.#fill(count);
    const bytes = this.#chunk.subarray(this.#next, this.#next + count);
    this.#next += count;
    return bytes;
  }

  async uint32(): Promise<number> {
    return (await this.bytes(4)).readUInt32LE();
  }

  async uint64(): Promise<number> {
    return Number((await this.bytes(8)).readBigUInt64LE());
  }

  async text(): Promise<string> {
    const length = await this.uint64();
    if (length > longestText) throw new RangeError('a text that is too long');
    return (await this.bytes(length)).toString();
  }

  /** A whole number or a boolean; of reals, the bits. */
  async scalar(type: number): Promise<number> {
    const bytes = await this.bytes(sizeOf(type));
    return bytes.length === 8 ? Number(bytes.readBigUInt64LE()) : bytes.readUIntLE(0, bytes.length);
  }

  async skipValue(type: number): Promise<void> {
    if (type === stringType) this.#skip(await this.uint64());
    else if (type !== arrayType) this.#skip(sizeOf(type));
    else {
      const elementType = await this.uint32();
      const count = await this.uint64();
      if (elementType === stringType) await this.#skipTexts(count);
      else this.#skip(count * sizeOf(elementType));
    }
  }

  /** The list of a vocabulary: nothing is awaited for a text that is in the chunk. */
  async #skipTexts(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      if (this.#next + 8 > this.#chunk.length) await this.#fill(8);
      const length = Number(this.#chunk.readBigUInt64LE(this.#next));
      this.#skip(8 + length);
    }
  }

  #skip(count: number): void {
    this.#next += count;
  }

  async #fill(count: number): Promise<void> {
    this.#start += this.#next;
    this.#next = 0;
    const chunk = Buffer.alloc(Math.max(count, chunkBytes));
    let length = 0;
    while (length < count) {
      const { bytesRead } = await this.#file.read(chunk, length, chunk.length - length, this.#start + length);
      if (bytesRead === 0) throw new RangeError('the file ends too early');
      length += bytesRead;
    }
    this.#chunk = chunk.subarray(0, length);
  }
}

function sizeOf(type: number): number {
  const bytes = scalarBytes[type];
  if (bytes === undefined) throw new RangeError(`${type} is no type of a value`);
  return bytes;
}

import { open, type FileHandle } from 'node:fs/promises';
import { kindOf, type ModelKind } from '../core/model-kind.js';

/** GGUF_MAGIC, and the versions with 64-bit counts in the machine's byte order. */
const magic = 'GGUF';
const versions = [2, 3];

/** gguf_type of gguf.h. */
const [boolType, stringType, arrayType] = [7, 8, 9];
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

/** No key, and no architecture's name, is longer. */
const longestText = 2 ** 16;

const chunkBytes = 2 ** 18;

/**
 * What a GGUF file says that its model is for. Reads the metadata alone, in chunks: of a vocabulary of 150,000 tokens
 * some megabytes, in some 20 ms of which the event loop has most. The whole of it, since keys may be in any order.
 * @returns undefined for what is no GGUF file that can be read: a load will say why
 */
export async function ggufKind(path: string): Promise<ModelKind | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    return await readKind(new GgufReader(file));
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}

async function readKind(reader: GgufReader): Promise<ModelKind | undefined> {
  if ((await reader.bytes(magic.length)).toString('latin1') !== magic) return undefined;
  if (!versions.includes(await reader.uint32())) return undefined;
  await reader.uint64(); // tensors
  const count = await reader.uint64();
  let architecture: string | undefined;
  const poolings = new Map<string, number>();
  const causal = new Map<string, boolean>();
  for (let index = 0; index < count; index++) {
    const key = await reader.text();
    const type = await reader.uint32();
    if (key === 'general.architecture' && type === stringType) architecture = await reader.text();
    else if (key.endsWith('.pooling_type') && type !== stringType && type !== arrayType)
      poolings.set(key, await reader.scalar(type));
    else if (key.endsWith('.attention.causal') && type === boolType)
      causal.set(key, (await reader.scalar(type)) !== 0);
    else await reader.skipValue(type);
  }
  if (architecture === undefined) return undefined;
  return kindOf({
    pooling: poolings.get(`${architecture}.pooling_type`),
    causal: causal.get(`${architecture}.attention.causal`) ?? true,
  });
}

/** Reads a file from its beginning, in chunks; what is stepped over in one go is not read. */
class GgufReader {
  readonly #file: FileHandle;
  #chunk = Buffer.alloc(0);
  /** Of the chunk's first byte in the file, and of the next byte in the chunk. */
  #start = 0;
  #next = 0;

  constructor(file: FileHandle) {
    this.#file = file;
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

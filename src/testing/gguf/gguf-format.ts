/** A typed metadata value, as GGUF stores it. */
export type GgufValue =
  | { readonly type: 'uint16' | 'uint32' | 'int32' | 'float32'; readonly value: number }
  | { readonly type: 'uint64'; readonly value: bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'string[]'; readonly value: readonly string[] }
  | { readonly type: 'int32[]' | 'float32[]'; readonly value: readonly number[] };

/** Keys and values in file order. */
export type GgufMetadata = readonly (readonly [key: string, value: GgufValue])[];

/** How a tensor's elements are stored. Q8_0: blocks of 32 along the row, an f16 scale and 32 int8 each. */
export type GgufTensorType = 'F32' | 'F16' | 'Q8_0';

/** Name, type and shape of a tensor: one entry of the file's tensor table. */
export interface GgufTensorInfo {
  readonly name: string;
  readonly type: GgufTensorType;
  /** Elements per dimension in GGUF's order: the first is the row length, which varies fastest in the file. */
  readonly shape: readonly number[];
}

/** Every tensor's data starts at a multiple of this, in bytes. */
export const ggufAlignment = 32;

/** The head of a GGUF file, and where the tensor data lies after it. */
export interface GgufHeader {
  /** Magic, metadata and tensor table, padded to the alignment: the data section starts right after it. */
  readonly bytes: Buffer;
  /** Per tensor, the start of its data in bytes from the start of the file. */
  readonly offsets: readonly number[];
  /** Size of the whole file in bytes. */
  readonly fileSize: number;
}

const valueTypeIds = {
  uint16: 2,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
} as const;

const tensorTypes = {
  F32: { id: 0, blockLength: 1, blockBytes: 4 },
  F16: { id: 1, blockLength: 1, blockBytes: 2 },
  Q8_0: { id: 8, blockLength: 32, blockBytes: 34 },
} as const;

/** Number of elements of a shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * Bytes that `count` elements of a type take; `count` must be whole blocks.
 * @throws RangeError for a part of a block
 */
export function byteLength(type: GgufTensorType, count: number): number {
  const { blockLength, blockBytes } = tensorTypes[type];
  if (count % blockLength !== 0) throw new RangeError(`${count} elements are not whole blocks of ${type}`);
  return (count / blockLength) * blockBytes;
}

function align(size: number): number {
  return Math.ceil(size / ggufAlignment) * ggufAlignment;
}

/** A little-endian byte sequence that grows. */
class ByteSink {
  #buffer = Buffer.alloc(4096);
  #length = 0;

  #reserve(bytes: number): number {
    const start = this.#length;
    this.#length += bytes;
    if (this.#length > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(this.#length, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, start);
      this.#buffer = grown;
    }
    return start;
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.#buffer.writeUInt8(value, at);
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    this.#buffer.writeUInt16LE(value, at);
  }

  u32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.writeUInt32LE(value, at);
  }

  i32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.writeInt32LE(value, at);
  }

  f32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.writeFloatLE(value, at);
  }

  u64(value: bigint): void {
    const at = this.#reserve(8);
    this.#buffer.writeBigUInt64LE(value, at);
  }

  text(value: string): void {
    const bytes = Buffer.from(value, 'utf8');
    this.u64(BigInt(bytes.length));
    const at = this.#reserve(bytes.length);
    bytes.copy(this.#buffer, at);
  }

  /** The bytes so far, with zeros up to the alignment. */
  aligned(): Buffer {
    this.#reserve(align(this.#length) - this.#length);
    return this.#buffer.subarray(0, this.#length);
  }
}

function putArrayHead(sink: ByteSink, itemType: number, length: number): void {
  sink.u32(valueTypeIds.array);
  sink.u32(itemType);
  sink.u64(BigInt(length));
}

function putValue(sink: ByteSink, entry: GgufValue): void {
  switch (entry.type) {
    case 'uint16':
      sink.u32(valueTypeIds.uint16);
      sink.u16(entry.value);
      return;
    case 'uint32':
      sink.u32(valueTypeIds.uint32);
      sink.u32(entry.value);
      return;
    case 'int32':
      sink.u32(valueTypeIds.int32);
      sink.i32(entry.value);
      return;
    case 'float32':
      sink.u32(valueTypeIds.float32);
      sink.f32(entry.value);
      return;
    case 'uint64':
      sink.u32(valueTypeIds.uint64);
      sink.u64(entry.value);
      return;
    case 'bool':
      sink.u32(valueTypeIds.bool);
      sink.u8(entry.value ? 1 : 0);
      return;
    case 'string':
      sink.u32(valueTypeIds.string);
      sink.text(entry.value);
      return;
    case 'string[]':
      putArrayHead(sink, valueTypeIds.string, entry.value.length);
      for (const item of entry.value) sink.text(item);
      return;
    case 'int32[]':
      putArrayHead(sink, valueTypeIds.int32, entry.value.length);
      for (const item of entry.value) sink.i32(item);
      return;
    case 'float32[]':
      putArrayHead(sink, valueTypeIds.float32, entry.value.length);
      for (const item of entry.value) sink.f32(item);
  }
}

/**
 * The head of a GGUF version 3 file with this metadata and these tensors, laid out in the given order.
 * @throws RangeError if a quantised tensor's row is not whole blocks
 */
export function encodeHeader(metadata: GgufMetadata, tensors: readonly GgufTensorInfo[]): GgufHeader {
  const sink = new ByteSink();
  sink.u32(0x46554747); // the letters GGUF
  sink.u32(3);
  sink.u64(BigInt(tensors.length));
  sink.u64(BigInt(metadata.length));
  for (const [key, value] of metadata) {
    sink.text(key);
    putValue(sink, value);
  }
  const relativeOffsets: number[] = [];
  let dataSize = 0;
  for (const { name, type, shape } of tensors) {
    byteLength(type, shape[0] ?? 1); // rows must be whole blocks
    sink.text(name);
    sink.u32(shape.length);
    for (const length of shape) sink.u64(BigInt(length));
    sink.u32(tensorTypes[type].id);
    sink.u64(BigInt(dataSize));
    relativeOffsets.push(dataSize);
    dataSize += align(byteLength(type, elementCount(shape)));
  }
  const bytes = sink.aligned();
  const offsets = relativeOffsets.map((offset) => bytes.length + offset);
  return { bytes, offsets, fileSize: bytes.length + dataSize };
}

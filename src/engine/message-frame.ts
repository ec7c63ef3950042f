import { DefaultSerializer, deserialize } from 'node:v8';

/*
 * A message as bytes: a mark of four bytes, the length of the body in four bytes, and the body as V8 clones values.
 * The mark is what tells a frame from garbage at once; a length alone would let garbage swallow the messages behind it.
 */

const mark = 0xa7_4c_9d_e3;
const headerBytes = 8;
const emptyHeader = Buffer.alloc(headerBytes);

/** @throws Error when V8 can not clone the message */
export function encodeMessage(message: unknown): Buffer {
  const serializer = new DefaultSerializer();
  serializer.writeRawBytes(emptyHeader);
  serializer.writeHeader();
  serializer.writeValue(message);
  const frame = serializer.releaseBuffer();
  frame.writeUInt32LE(mark, 0);
  frame.writeUInt32LE(frame.length - headerBytes, 4);
  return frame;
}

/** Takes frames out of a byte stream that arrives in pieces of any size. Each byte is copied once at most. */
export class FrameReader {
  readonly #limit: number;
  readonly #pieces: Buffer[] = [];
  /** Bytes of the first piece that were read already. */
  #start = 0;
  /** Bytes that were not read yet. */
  #unread = 0;
  /** Of the frame that is awaited, once its header is known. */
  #bodyBytes: number | undefined;
  #failure: Error | undefined;

  /** @param limit bytes that the body of a frame may have */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @param piece belongs to the reader from here on: typed arrays of messages are views of it */
  push(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#unread += piece.length;
  }

  /**
   * The next message; undefined when it is not complete.
   * @throws Error what is not readable; then nothing after it is
   */
  next(): { readonly message: unknown } | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#bodyBytes ??= this.#readHeader();
      if (this.#bodyBytes === undefined) return undefined;
      const body = this.#take(this.#bodyBytes);
      if (body === undefined) return undefined;
      this.#bodyBytes = undefined;
      return { message: deserialize(body) };
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#pieces.length = 0;
      throw this.#failure;
    }
  }

  #readHeader(): number | undefined {
    const header = this.#take(headerBytes);
    if (header === undefined) return undefined;
    if (header.readUInt32LE(0) !== mark) throw new Error('no message begins where one should');
    const bytes = header.readUInt32LE(4);
    if (bytes > this.#limit)
      throw new Error(`a message of ${bytes} bytes is over the limit of ${this.#limit}`);
    return bytes;
  }

  /** So many bytes from the head; undefined when they have not all arrived. */
  #take(count: number): Buffer | undefined {
    const first = this.#pieces[0];
    if (first === undefined || this.#unread < count) return undefined;
    this.#unread -= count;
    const end = this.#start + count;
    if (end < first.length) {
      const taken = first.subarray(this.#start, end);
      this.#start = end;
      return taken;
    }
    return end === first.length ? this.#takeRest(first) : this.#gather(count);
  }

  #takeRest(first: Buffer): Buffer {
    const taken = first.subarray(this.#start);
    this.#pieces.shift();
    this.#start = 0;
    return taken;
  }

  #gather(count: number): Buffer {
    const taken = Buffer.allocUnsafeSlow(count);
    let filled = 0;
    let used = 0;
    for (const piece of this.#pieces) {
      const copied = piece.copy(taken, filled, this.#start);
      filled += copied;
      if (this.#start + copied < piece.length) {
        this.#start += copied;
        break;
      }
      this.#start = 0;
      used++;
    }
    this.#pieces.splice(0, used);
    return taken;
  }
}

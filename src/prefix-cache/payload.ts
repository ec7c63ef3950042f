import { HeddleError } from '../core/errors.js';

/**
 * The bytes of a block, in memory that threads share, so that neither storing nor writing them copies. Whoever keeps
 * one holds a reference; with the last one the memory goes back to its pool.
 */
export class Payload {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly #pool: PayloadPool;
  #references = 1;

  /** @internal made by {@link PayloadPool}; the maker holds the first reference */
  constructor(bytes: Uint8Array<SharedArrayBuffer>, pool: PayloadPool) {
    this.bytes = bytes;
    this.#pool = pool;
  }

  /** Memory taken, which is a little more than the bytes in it. */
  get capacity(): number {
    return this.bytes.buffer.byteLength;
  }

  /** One more holder. @returns itself. @throws HeddleError `handle_disposed` after the last release */
  retain(): this {
    this.#check();
    this.#references++;
    return this;
  }

  /** One holder less. @throws HeddleError `handle_disposed` when there is none */
  release(): void {
    this.#check();
    this.#references--;
    if (this.#references === 0) this.#pool.recycle(this.bytes.buffer);
  }

  #check(): void {
    if (this.#references > 0) return;
    throw new HeddleError('handle_disposed', 'The payload of a block was released already.');
  }
}

/** Payloads that memory is made ready for, at most. */
const mostMissed = 32;
/** No page of memory is smaller. */
const pageBytes = 4096;

export interface PayloadPoolStats {
  /** Payloads that somebody holds. */
  readonly held: number;
  readonly heldBytes: number;
  /** Memory kept for the next payloads. */
  readonly freeBytes: number;
  /** Payloads that needed new memory, and those that did not. */
  readonly allocated: number;
  readonly reused: number;
}

/**
 * Memory for payloads, used again: the first touch of fresh memory costs more than filling it. Sizes are rounded up by
 * at most an eighth, so that blocks of slightly different sizes fit into each other's memory.
 */
export class PayloadPool {
  readonly #freeLimit: number;
  readonly #free = new Map<number, SharedArrayBuffer[]>();
  #freeBytes = 0;
  #held = 0;
  #heldBytes = 0;
  #allocated = 0;
  #reused = 0;
  /** Capacities of the payloads that were taken last, and needed new memory. */
  #missed: number[] = [];

  /** @param freeLimit bytes of unused memory to keep at most */
  constructor(freeLimit: number) {
    this.#freeLimit = freeLimit;
  }

  /** A payload to be filled: its content is not cleared. */
  take(byteLength: number): Payload {
    const spare = this.takeSpare(byteLength);
    if (spare === undefined) {
      this.#allocated++;
      this.#missed.push(capacityFor(byteLength));
      if (this.#missed.length > mostMissed) this.#missed.shift();
    } else this.#reused++;
    const buffer = spare ?? new SharedArrayBuffer(capacityFor(byteLength));
    return this.adopt(new Uint8Array(buffer, 0, byteLength));
  }

  /** Memory of this pool for another thread to fill and to hand back; undefined when there is none of that size. */
  takeSpare(byteLength: number): SharedArrayBuffer | undefined {
    const spare = this.#free.get(capacityFor(byteLength))?.pop();
    this.#freeBytes -= spare?.byteLength ?? 0;
    return spare;
  }

  /** A payload of memory that another thread has filled. */
  adopt(bytes: Uint8Array<SharedArrayBuffer>): Payload {
    this.#held++;
    this.#heldBytes += bytes.buffer.byteLength;
    return new Payload(bytes, this);
  }

  /** Takes back memory that was lent by {@link takeSpare} and not adopted. */
  giveSpare(buffer: SharedArrayBuffer): void {
    const size = buffer.byteLength;
    if (size !== capacityFor(size) || this.#freeBytes + size > this.#freeLimit) return;
    const same = this.#free.get(size);
    if (same === undefined) this.#free.set(size, [buffer]);
    else same.push(buffer);
    this.#freeBytes += size;
  }

  /**
   * Makes memory for one more payload of a size that was wanting lately, and touches it: most of what saving into fresh
   * memory takes is its first touch.
   * @returns false when there is as much of it as was wanting, or no room
   */
  prepare(): boolean {
    const capacity = this.#missed.pop();
    if (capacity === undefined || this.#freeBytes + capacity > this.#freeLimit) return false;
    const buffer = new SharedArrayBuffer(capacity);
    const bytes = new Uint8Array(buffer);
    for (let at = 0; at < bytes.length; at += pageBytes) bytes[at] = 1;
    this.giveSpare(buffer);
    return true;
  }

  /** @internal the last reference to a payload is gone */
  recycle(buffer: SharedArrayBuffer): void {
    this.#held--;
    this.#heldBytes -= buffer.byteLength;
    this.giveSpare(buffer);
  }

  /** Lets go of unused memory. */
  trim(): void {
    this.#free.clear();
    this.#freeBytes = 0;
    this.#missed = [];
  }

  stats(): PayloadPoolStats {
    return {
      held: this.#held,
      heldBytes: this.#heldBytes,
      freeBytes: this.#freeBytes,
      allocated: this.#allocated,
      reused: this.#reused,
    };
  }
}

/** Eight sizes for each power of two. */
export function capacityFor(byteLength: number): number {
  const step = 2 ** Math.max(3, Math.ceil(Math.log2(Math.max(1, byteLength))) - 4);
  return Math.max(step, Math.ceil(byteLength / step) * step);
}

/*
 * Layout of the shared memory. Byte 0 is the abort flag that the native library polls; it is read as a string, so the
 * byte behind it stays zero. Bytes 6 and 7 are "close" and "stop loading". Then one byte a lane "this request was
 * cancelled", then one byte a lane "most of the running step is this request's".
 */
const flagAt = 0;
const closeAt = 6;
const loadAt = 7;
const lanesAt = 8;

/** Requests one engine can hold, queued ones included. */
export const laneCount = 1024;

/** The gateway's side of an abort board, which is in its own memory or in that of another process. */
export interface Aborts {
  /** Makes a lane ready for a new request. */
  openLane(lane: number): void;
  /** Post the cancel command first: the engine drops the request when it reads that, and this only hurries it. */
  cancel(lane: number): void;
  /** Post the close command first: this only keeps the engine from decoding before it reads that. */
  cancelAll(): void;
  cancelLoad(): void;
}

/**
 * Stops a running decode from another thread, when that is worth it.
 *
 * Each request has a lane, chosen by the gateway. Both sides write their own byte of the lane first and read the
 * other's afterwards, with sequentially consistent atomics: of a cancel and a step that begin together, at least one
 * sees the other (Dekker's rule). So a cancelled request is either left out of the step or its step is aborted.
 *
 * An abort throws away the rows of the whole step; only a step that is mostly the cancelled request's is aborted, and
 * the rows of others are retried.
 */
export class AbortBoard implements Aborts {
  readonly buffer: SharedArrayBuffer;
  readonly #bytes: Uint8Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(lanesAt + 2 * laneCount)) {
    this.buffer = buffer;
    this.#bytes = new Uint8Array(buffer);
  }

  /** What the native library polls: aborts a decode while its first byte is not zero. */
  get flag(): Uint8Array {
    return this.#bytes.subarray(flagAt, flagAt + 2);
  }

  // The gateway's side.

  openLane(lane: number): void {
    Atomics.store(this.#bytes, lanesAt + lane, 0);
  }

  cancel(lane: number): void {
    Atomics.store(this.#bytes, lanesAt + lane, 1);
    if (Atomics.load(this.#bytes, lanesAt + laneCount + lane) === 1) Atomics.store(this.#bytes, flagAt, 1);
  }

  cancelAll(): void {
    Atomics.store(this.#bytes, closeAt, 1);
    Atomics.store(this.#bytes, flagAt, 1);
  }

  cancelLoad(): void {
    Atomics.store(this.#bytes, loadAt, 1);
  }

  // The engine thread's side.

  isCancelled(lane: number): boolean {
    return Atomics.load(this.#bytes, lanesAt + lane) === 1;
  }

  get loadCancelled(): boolean {
    return Atomics.load(this.#bytes, loadAt) === 1;
  }

  /**
   * A step begins that may be aborted for the sake of this lane; undefined when for none.
   * @returns false when the lane, or everything, was cancelled meanwhile: do not decode, read the inbox
   */
  enterStep(lane: number | undefined): boolean {
    Atomics.store(this.#bytes, flagAt, 0);
    if (Atomics.load(this.#bytes, closeAt) === 1) return false;
    if (lane === undefined) return true;
    Atomics.store(this.#bytes, lanesAt + laneCount + lane, 1);
    return !this.isCancelled(lane);
  }

  leaveStep(lane: number | undefined): void {
    if (lane !== undefined) Atomics.store(this.#bytes, lanesAt + laneCount + lane, 0);
    Atomics.store(this.#bytes, flagAt, 0);
  }
}

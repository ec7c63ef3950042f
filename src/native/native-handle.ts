import { HeddleError } from '../core/errors.js';
import { cRuntime } from './c-runtime.js';
import type { Pointer } from './llama-structs.js';

/** What of a handle can be posted to another thread. It can be looked at there, but not used. */
export interface HandleDescription {
  readonly kind: string;
  readonly address: Pointer;
  readonly ownerThread: number;
}

/**
 * A native object with its owner: the OS thread that made it. It is used and freed on that thread only, and freed
 * exactly once.
 *
 * Addresses are plain numbers, so they can be posted to another thread; a handle made there {@link fromDescription}
 * still knows whose it is, and throws instead of letting native code run on the wrong thread.
 */
export class NativeHandle {
  readonly kind: string;
  readonly ownerThread: number;
  #address: Pointer | undefined;
  #free: ((address: Pointer) => void) | undefined;

  /**
   * @param kind what it is, for messages: `model`, `context`, ...
   * @param free called at most once, on the owner thread
   */
  constructor(kind: string, address: Pointer, free: (address: Pointer) => void) {
    this.kind = kind;
    this.#address = address;
    this.#free = free;
    this.ownerThread = cRuntime().threadId();
  }

  /** @throws HeddleError `wrong_thread` or `handle_disposed` */
  get address(): Pointer {
    this.#checkOwner();
    if (this.#address === undefined) {
      throw new HeddleError('handle_disposed', `The native ${this.kind} was already freed.`);
    }
    return this.#address;
  }

  get disposed(): boolean {
    return this.#address === undefined;
  }

  /** Frees the object; a second call does nothing. @throws HeddleError `wrong_thread` */
  dispose(): void {
    this.#checkOwner();
    const address = this.#address;
    const free = this.#free;
    this.#address = undefined;
    this.#free = undefined;
    if (address !== undefined) free?.(address);
  }

  describe(): HandleDescription {
    return { kind: this.kind, address: this.address, ownerThread: this.ownerThread };
  }

  /** A handle that refers to an object made elsewhere; it frees nothing. */
  static fromDescription(description: HandleDescription): NativeHandle {
    const handle = new NativeHandle(description.kind, description.address, () => {});
    (handle as { ownerThread: number }).ownerThread = description.ownerThread;
    return handle;
  }

  #checkOwner(): void {
    const here = cRuntime().threadId();
    if (here === this.ownerThread) return;
    throw new HeddleError(
      'wrong_thread',
      `The native ${this.kind} belongs to thread ${this.ownerThread} and was used on thread ${here}. Send the engine a command instead.`,
    );
  }
}

/** Frees handles in the reverse of the order in which they were added, each even if another one fails. */
export class DisposeStack {
  readonly #handles: { dispose(): void }[] = [];

  add<T extends { dispose(): void }>(handle: T): T {
    this.#handles.push(handle);
    return handle;
  }

  /** @throws AggregateError with every failure, after all handles were tried */
  dispose(): void {
    const failures: unknown[] = [];
    for (let handle = this.#handles.pop(); handle !== undefined; handle = this.#handles.pop()) {
      try {
        handle.dispose();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Some native objects could not be freed.');
  }
}

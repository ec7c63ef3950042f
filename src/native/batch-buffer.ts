import koffi from 'koffi';
import { firstOutput, type Batch } from '../core/batch.js';
import { HeddleError } from '../core/errors.js';
import type { LlamaBatch } from './llama-structs.js';

/**
 * Memory for one native batch, made once and written through typed arrays, so that no row costs a native call.
 *
 * It is plain JavaScript memory whose addresses are handed to the library for the length of a decode call: array
 * buffers do not move, and this object keeps them alive. Every row belongs to one slot.
 */
export class BatchBuffer {
  readonly #capacity: number;
  readonly #outputCapacity: number;
  readonly #tokens: Int32Array;
  readonly #positions: Int32Array;
  readonly #slots: Int32Array;
  readonly #outputs: Int8Array;
  readonly #slotCounts: Int32Array;
  /** Row i's list of slots: the address of element i of `#slots`. */
  readonly #slotLists: BigUint64Array;
  readonly #native: LlamaBatch;

  /**
   * @param capacity rows
   * @param outputCapacity rows with results
   */
  constructor(capacity: number, outputCapacity: number) {
    this.#capacity = capacity;
    this.#outputCapacity = outputCapacity;
    this.#tokens = new Int32Array(new ArrayBuffer(capacity * 4));
    this.#positions = new Int32Array(new ArrayBuffer(capacity * 4));
    this.#slots = new Int32Array(new ArrayBuffer(capacity * 4));
    this.#outputs = new Int8Array(new ArrayBuffer(capacity));
    this.#slotCounts = new Int32Array(new ArrayBuffer(capacity * 4)).fill(1);
    this.#slotLists = new BigUint64Array(new ArrayBuffer(capacity * 8));
    const slots = koffi.address(this.#slots);
    for (let row = 0; row < capacity; row++) this.#slotLists[row] = slots + BigInt(row * 4);
    this.#native = {
      n_tokens: 0,
      token: koffi.address(this.#tokens),
      embd: null,
      pos: koffi.address(this.#positions),
      n_seq_id: koffi.address(this.#slotCounts),
      seq_id: koffi.address(this.#slotLists),
      logits: koffi.address(this.#outputs),
    };
  }

  /**
   * The native batch with these rows; valid until the next write.
   * @throws HeddleError `native_call_failed` when the rows do not fit: the library would abort the process
   */
  write(batch: Batch): LlamaBatch {
    const rows = batch.spans.reduce((sum, { tokens }) => sum + tokens.length, 0);
    if (rows !== batch.rows || rows < 1 || rows > this.#capacity) {
      throw new HeddleError(
        'native_call_failed',
        `A batch of ${rows} rows (said to be ${batch.rows}) can not be decoded; it must have 1 to ${this.#capacity}.`,
      );
    }
    let row = 0;
    let outputs = 0;
    for (const span of batch.spans) {
      const { tokens, start, slot } = span;
      const length = tokens.length;
      const first = batch.embeds === true ? 0 : firstOutput(span);
      for (let offset = 0; offset < length; offset++) {
        this.#tokens[row] = tokens[offset] ?? 0;
        this.#positions[row] = start + offset;
        this.#slots[row] = slot;
        this.#outputs[row] = offset >= first ? 1 : 0;
        row++;
      }
      outputs += Math.max(0, length - first);
    }
    if (outputs > this.#outputCapacity) {
      throw new HeddleError(
        'native_call_failed',
        `A batch with ${outputs} rows of results can not be decoded; it can have ${this.#outputCapacity}.`,
      );
    }
    this.#native.n_tokens = row;
    return this.#native;
  }
}

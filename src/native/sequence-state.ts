import { HeddleError } from '../core/errors.js';
import type { Allocate, RestoreOutcome } from '../core/model-runner.js';
import type { LlamaBindings } from './llama-bindings.js';
import type { Pointer } from './llama-structs.js';
import type { NativeHandle } from './native-handle.js';
import { stateHeadBytes, StateLayout } from './state-layout.js';

/** LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY of llama.h: leaves the cells of attention out, where the memory has others. */
const partialOnly = 1;
const whole = 0;

/** What of a context the states of its sequences are saved from and restored to. */
export interface StateContext {
  readonly bindings: LlamaBindings;
  readonly context: NativeHandle;
  readonly memory: Pointer;
  /** A sequence that is empty between calls. */
  readonly scratch: number | undefined;
  /** Layers of the model see a sliding window only. */
  readonly hasWindow: boolean;
}

/**
 * Cells and states of sequences out of a context and back in, as bytes that are the library's own.
 *
 * Some cells of a sequence become a state of their own by being shared with the scratch sequence, which copies nothing;
 * the state of the end comes with them, but is written last, into memory that ends before it. What is restored is read
 * into the scratch sequence, and shared with the one it is for.
 */
export class SequenceState {
  readonly #native: StateContext;
  readonly #layout: StateLayout;
  /** Cells of sequences that have no state: what the library says of their length is not true then. */
  readonly #stateless = new Map<number, number>();

  private constructor(native: StateContext, layout: StateLayout) {
    this.#native = native;
    this.#layout = layout;
  }

  /** Learns the layout of states from sequence 0, which holds two tokens. */
  static probe(native: StateContext): SequenceState {
    return new SequenceState(native, probeLayout(native));
  }

  get memory(): StateLayout['memory'] {
    return this.#layout.memory;
  }

  /** Cells of a sequence that was restored without its state; undefined for all others. */
  statelessCells(slot: number): number | undefined {
    return this.#stateless.get(slot);
  }

  /** What was removed from a slot, to its end. */
  removed(slot: number, from: number): void {
    const cells = this.#stateless.get(slot);
    if (cells === undefined) return;
    if (from <= 0) this.#stateless.delete(slot);
    else this.#stateless.set(slot, Math.min(cells, from));
  }

  shared(source: number, target: number): void {
    const cells = this.#stateless.get(source);
    if (cells !== undefined) this.#stateless.set(target, cells);
  }

  cellsSize(count: number): number {
    this.#checkCells();
    if (!Number.isInteger(count) || count < 1) throw failed(`${count} cells can not be saved.`);
    return this.#layout.cellsSize(count);
  }

  save<Bytes extends Uint8Array>(slot: number, from: number, to: number, allocate: Allocate<Bytes>): Bytes {
    const { bindings, memory } = this.#native;
    const scratch = this.#checkCells();
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to <= from) {
      throw failed(`Cells ${from} to ${to} can not be saved.`);
    }
    if (to > this.cellCount(slot)) throw failed(`Slot ${slot} does not hold ${to} cells.`);
    const target = allocated(allocate, this.#layout.cellsSize(to - from));
    const bytes = this.#layout.cellsBytes(to - from);
    bindings.llama_memory_seq_cp(memory, slot, scratch, from, to);
    try {
      const size = this.#size(scratch, whole);
      const hasTrailer = this.#layout.hasState;
      const found = hasTrailer ? size - this.#size(scratch, partialOnly) + stateHeadBytes : size;
      if (found !== bytes) throw failed(`Slot ${slot} does not hold all cells from ${from} to ${to}.`);
      // Memory that ends where the cells do makes the library stop there, and say that it failed.
      const written = this.#write(scratch, target, bytes, whole);
      if (written !== (hasTrailer ? 0 : bytes)) throw failed(`The cells of slot ${slot} could not be saved.`);
    } finally {
      bindings.llama_memory_seq_rm(memory, scratch, -1, -1);
    }
    this.#layout.finishCells(target);
    const range = this.#layout.cellsRange(target);
    if (range?.from !== from || range.end !== to) {
      throw failed(`The cells ${from} to ${to} of slot ${slot} could not be saved.`);
    }
    return target;
  }

  restore(slot: number, from: number, bytes: Uint8Array): RestoreOutcome {
    const { bindings, memory } = this.#native;
    const scratch = this.#checkCells();
    const range = this.#layout.cellsRange(bytes);
    if (range === undefined) throw failed(`${bytes.length} bytes are no cells of this model.`);
    const held = this.cellCount(slot);
    if (range.from !== from || held !== from) {
      throw failed(`Cells from ${range.from} can not follow ${from}, in slot ${slot} with ${held}.`);
    }
    if (this.#read(scratch, bytes, whole) !== bytes.length) {
      bindings.llama_memory_seq_rm(memory, scratch, -1, -1);
      return 'no-cells';
    }
    bindings.llama_memory_seq_cp(memory, scratch, slot, from, range.end);
    bindings.llama_memory_seq_rm(memory, scratch, -1, -1);
    if (this.#layout.hasState) this.#stateless.set(slot, range.end);
    return 'ok';
  }

  snapshotSize(slot: number): number {
    this.#checkState();
    if (this.#stateless.has(slot)) throw failed(`Slot ${slot} has cells without a state.`);
    if (this.cellCount(slot) === 0) throw failed(`Slot ${slot} is empty.`);
    return this.#size(slot, this.#snapshotFlags);
  }

  saveSnapshot<Bytes extends Uint8Array>(slot: number, allocate: Allocate<Bytes>): Bytes {
    const size = this.snapshotSize(slot);
    const target = allocated(allocate, size);
    const written = this.#write(slot, target, size, this.#snapshotFlags);
    if (written !== size) throw failed(`The state of slot ${slot} could not be saved.`);
    this.#layout.finishSnapshot(target);
    const end = this.#layout.snapshotEnd(target);
    if (end !== this.cellCount(slot) && end !== Infinity) {
      throw failed(`The state of slot ${slot} is not that of its end.`);
    }
    return target;
  }

  restoreSnapshot(slot: number, bytes: Uint8Array): RestoreOutcome {
    const { bindings, memory } = this.#native;
    this.#checkState();
    const end = this.#layout.snapshotEnd(bytes);
    if (end === undefined) throw failed(`${bytes.length} bytes are no state of this model.`);
    const held = this.cellCount(slot);
    if (this.#layout.hasCells ? held < end : held > 0) {
      throw failed(`Slot ${slot} holds ${held} cells: a state of position ${end} does not belong there.`);
    }
    if (this.#read(slot, bytes, this.#snapshotFlags) !== bytes.length) {
      if (this.#layout.hasCells) this.#stateless.set(slot, held);
      else bindings.llama_memory_seq_rm(memory, slot, -1, -1);
      return 'no-cells';
    }
    this.#stateless.delete(slot);
    if (held > end && !bindings.llama_memory_seq_rm(memory, slot, end, -1)) {
      throw failed(`What slot ${slot} holds behind position ${end} could not be removed.`);
    }
    return 'ok';
  }

  cellCount(slot: number): number {
    const { bindings, context, memory } = this.#native;
    void context.address; // throws when the memory is gone
    return this.#stateless.get(slot) ?? bindings.llama_memory_seq_pos_max(memory, slot) + 1;
  }

  get #snapshotFlags(): number {
    return this.#layout.hasCells ? partialOnly : whole;
  }

  #size(sequence: number, flags: number): number {
    return stateSize(this.#native, sequence, flags);
  }

  #write(sequence: number, target: Uint8Array, bytes: number, flags: number): number {
    const { bindings, context } = this.#native;
    return Number(bindings.llama_state_seq_get_data_ext(context.address, target, bytes, sequence, flags));
  }

  /** Replaces the state of a sequence. @returns bytes read; 0 when it could not be, and the sequence is empty then */
  #read(sequence: number, bytes: Uint8Array, flags: number): number {
    const { bindings, context } = this.#native;
    return Number(
      bindings.llama_state_seq_set_data_ext(context.address, bytes, bytes.length, sequence, flags),
    );
  }

  /** The scratch sequence. */
  #checkCells(): number {
    const { context, scratch } = this.#native;
    void context.address; // throws when the memory is gone
    if (scratch !== undefined && this.#layout.hasCells) return scratch;
    throw new HeddleError('unsupported_by_model', "This model's memory has no cells that could be saved.");
  }

  #checkState(): void {
    void this.#native.context.address; // throws when the memory is gone
    if (this.#layout.hasState) return;
    throw new HeddleError('unsupported_by_model', "This model's memory has no state beside its cells.");
  }
}

function probeLayout(native: StateContext): StateLayout {
  const { bindings, context, memory, scratch, hasWindow } = native;
  const read = (sequence: number, flags: number, bytes = stateSize(native, sequence, flags)): Uint8Array => {
    const state = new Uint8Array(bytes);
    bindings.llama_state_seq_get_data_ext(context.address, state, bytes, sequence, flags);
    return state;
  };
  const state = read(0, whole);
  if (scratch === undefined) return StateLayout.ofState(state);
  const empty = read(scratch, partialOnly);
  bindings.llama_memory_seq_cp(memory, 0, scratch, 0, 1);
  const ofOne = {
    whole: stateSize(native, scratch, whole),
    partial: stateSize(native, scratch, partialOnly),
  };
  bindings.llama_memory_seq_rm(memory, scratch, -1, -1);
  const partial = read(0, partialOnly);
  const layout = StateLayout.learn({ whole: state, partial, ofOne, empty }, hasWindow);
  if (layout === undefined) return StateLayout.ofState(state);
  if (!layout.hasState) return layout;
  // That the cells come first, and are all there when there is no room for more, is how cells are saved.
  const cells = read(0, whole, layout.cellsBytes(2));
  const isPrefix = cells.every((byte, index) => byte === state[index]);
  return isPrefix ? layout : StateLayout.ofState(state);
}

function stateSize({ bindings, context }: StateContext, sequence: number, flags: number): number {
  return Number(bindings.llama_state_seq_get_size_ext(context.address, sequence, flags));
}

function allocated<Bytes extends Uint8Array>(allocate: Allocate<Bytes>, bytes: number): Bytes {
  const target = allocate(bytes);
  if (target.length === bytes) return target;
  throw failed(`${bytes} bytes can not be saved into ${target.length}.`);
}

function failed(message: string): HeddleError {
  return new HeddleError('native_call_failed', message);
}

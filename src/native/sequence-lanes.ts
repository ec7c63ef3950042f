import type { LoadOptions } from '../core/model-runner.js';
import type { LlamaBindings } from './llama-bindings.js';
import type { Pointer } from './llama-structs.js';
import { isCausal } from './model-metadata.js';

/** LLAMA_MAX_SEQ of the library, which aborts the process for more. */
const mostSequences = 256;

/** The sequence ids of a context: first the slots, then those that only stay, then the scratch. */
export interface SequenceLanes {
  readonly slots: number;
  /** Slots, and sequences that stay in the cache beside them. */
  readonly lanes: number;
  /** The id through which single cells are saved and restored; undefined where there are no cells. */
  readonly scratch: number | undefined;
  /** All of them. */
  readonly count: number;
}

/**
 * How many sequence ids a context needs. Where each takes a recurrent state, none is made for sequences that only stay;
 * hybrids have one state more than slots, for the scratch.
 */
export function sequenceLanes(
  bindings: LlamaBindings,
  model: Pointer,
  { slots: asked, residentSlots = 0 }: LoadOptions,
): SequenceLanes {
  const hasCells = isCausal(bindings, model) && !bindings.llama_model_is_recurrent(model);
  const scratches = hasCells ? 1 : 0;
  const slots = Math.min(asked, mostSequences - scratches);
  const canStay = hasCells && !bindings.llama_model_is_hybrid(model);
  const lanes = Math.min(slots + (canStay ? residentSlots : 0), mostSequences - scratches);
  return { slots, lanes, scratch: hasCells ? lanes : undefined, count: lanes + scratches };
}

import type { FinishReason } from '../../core/generation.js';
import type { OutputEvent } from './output-event.js';

/** Reads one output of a model, piece by piece. What comes out does not depend on how the text was cut. */
export interface OutputParser {
  /** Takes more of the output. Only what may be the beginning of a marker is held back. Never throws. */
  push(text: string): readonly OutputEvent[];
  /** The output has ended: what was held back. */
  end(reason: FinishReason): readonly OutputEvent[];
  /** The text so far ends within reasoning. */
  readonly reasoning: boolean;
}

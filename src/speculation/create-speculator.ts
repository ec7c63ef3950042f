import type { Speculation } from '../core/speculation.js';
import { DraftControl } from './draft-control.js';
import { NgramDrafter } from './ngram-drafter.js';
import { Speculator } from './speculator.js';

/** The speculator of an engine; undefined when it is to have none. */
export function createSpeculator(speculation: Speculation): Speculator | undefined {
  if (speculation === 'off') return undefined;
  return new Speculator(() => new NgramDrafter(), new DraftControl());
}

import type { OutputEvent } from './output-event.js';
import type { OutputParser } from './output-parser.js';

/** Of an output that is nothing but text. */
export const plainParser: OutputParser = {
  push: (text): readonly OutputEvent[] => (text === '' ? [] : [{ kind: 'content', text }]),
  end: () => [],
  reasoning: false,
};

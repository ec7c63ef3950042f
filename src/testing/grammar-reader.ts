import { Grammar } from '../grammar/grammar.js';

const encoder = new TextEncoder();

/** The grammar has this text, whole. */
export function matches(grammar: Grammar | string, text: string | Uint8Array): boolean {
  const { start, ...read } = reading(grammar, text);
  void start;
  return read.state?.isComplete === true;
}

/** A text of the grammar can begin like this. */
export function begins(grammar: Grammar | string, text: string | Uint8Array): boolean {
  return reading(grammar, text).state !== null;
}

function reading(source: Grammar | string, text: string | Uint8Array) {
  const grammar = typeof source === 'string' ? new Grammar(source) : source;
  const bytes = typeof text === 'string' ? encoder.encode(text) : text;
  return { start: grammar.start, state: grammar.afterBytes(grammar.start, bytes) };
}

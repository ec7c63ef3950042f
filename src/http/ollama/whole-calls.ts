import type { OutputEvent } from '../../prompt/output/output-event.js';
import type { OutputParser } from '../../prompt/output/output-parser.js';

/**
 * Makes content of tool calls that were cut off in the middle of their arguments: in the Ollama API arguments are objects,
 * and a part of one is none.
 */
export function wholeCalls(parser: OutputParser): OutputParser {
  return {
    push: (text) => parser.push(text).flatMap(withoutCut),
    end: (reason) => parser.end(reason).flatMap(withoutCut),
    get reasoning() {
      return parser.reasoning;
    },
  };
}

function withoutCut(event: OutputEvent): OutputEvent[] {
  if (event.kind !== 'tool-call-end' || event.outcome !== 'cut') return [event];
  return [
    { ...event, outcome: 'malformed', raw: '' },
    { kind: 'content', text: event.raw },
  ];
}

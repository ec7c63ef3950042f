import { allCodePoints } from './code-points.js';
import type { Expression } from './expression.js';
import { characterClass, type NamedGrammar } from './gbnf-text.js';
import { automatonRules } from './text-automaton.js';

const anyCharacter: Expression = { kind: 'character', of: allCodePoints };
const anyText: Expression = { kind: 'repeat', item: anyCharacter, least: 0, most: Infinity };
const someText: Expression = { kind: 'repeat', item: anyCharacter, least: 1, most: Infinity };

/** A grammar of the texts that end with the first occurrence of a marker, such as `</think>`. */
export function textUntil(marker: string, name: string): NamedGrammar {
  const text: Expression = { kind: 'text', text: marker };
  const conditions = [
    { expression: { kind: 'sequence', items: [anyText, text] } as const, isNegated: false },
    { expression: { kind: 'sequence', items: [anyText, text, someText] } as const, isNegated: true },
  ];
  return { name, rules: automatonRules(conditions, name, characterClass) };
}

/** A grammar of the texts in which a marker does not occur. */
export function textWithout(marker: string, name: string): NamedGrammar {
  const text: Expression = { kind: 'text', text: marker };
  const condition = {
    expression: { kind: 'sequence', items: [anyText, text, anyText] } as const,
    isNegated: true,
  };
  return { name, rules: automatonRules([condition], name, characterClass) };
}

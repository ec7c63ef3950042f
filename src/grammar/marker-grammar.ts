import { allCodePoints, type CodePoints } from './code-points.js';
import type { Expression } from './expression.js';
import { characterClass, type NamedGrammar } from './gbnf-text.js';
import { readRegex } from './regex-reader.js';
import { automatonRules, type TextCondition } from './text-automaton.js';

const anyCharacter: Expression = { kind: 'character', of: allCodePoints };
const anyText: Expression = { kind: 'repeat', item: anyCharacter, least: 0, most: Infinity };
const someText: Expression = { kind: 'repeat', item: anyCharacter, least: 1, most: Infinity };

/** A marker: exactly this text, or any text that a regular expression matches. */
export type Marker = string | { readonly regex: string };

/**
 * A grammar of the texts that end with the first occurrence of a marker, such as `</think>`.
 * @param without markers that do not occur in them
 */
export function textUntil(marker: string, name: string, without: readonly Marker[] = []): NamedGrammar {
  const text = expressionOf(marker);
  const conditions = [
    { expression: { kind: 'sequence', items: [anyText, text] } as const, isNegated: false },
    { expression: { kind: 'sequence', items: [anyText, text, someText] } as const, isNegated: true },
    ...without.map(lacking),
  ];
  return { name, rules: namedCharacters(conditions, name) };
}

/**
 * A grammar of the texts in which none of these markers occurs.
 * @param beginnings what they do not begin with either
 * @throws AutomatonTooLarge
 */
export function textWithout(
  markers: readonly Marker[],
  name: string,
  beginnings: readonly Marker[] = [],
): NamedGrammar {
  const conditions = [...markers.map(lacking), ...beginnings.map(notBeginning)];
  if (conditions.length === 0) return { name, rules: new Map([[name, `${characterClass(allCodePoints)}*`]]) };
  return { name, rules: namedCharacters(conditions, name) };
}

/** Sets of characters are rules of their own: an automaton has the same ones in many places. */
function namedCharacters(conditions: readonly TextCondition[], name: string): Map<string, string> {
  const names = new Map<string, string>();
  const character = (of: CodePoints): string => {
    const text = characterClass(of);
    const known = names.get(text) ?? `${name}-c${names.size}`;
    names.set(text, known);
    return known;
  };
  const rules = automatonRules(conditions, name, character);
  for (const [text, rule] of names) rules.set(rule, text);
  return rules;
}

function notBeginning(marker: Marker): TextCondition {
  return { expression: { kind: 'sequence', items: [expressionOf(marker), anyText] }, isNegated: true };
}

/** The condition that a marker does not occur in a text. */
export function lacking(marker: Marker): TextCondition {
  return {
    expression: { kind: 'sequence', items: [anyText, expressionOf(marker), anyText] },
    isNegated: true,
  };
}

function expressionOf(marker: Marker): Expression {
  if (typeof marker === 'string') return { kind: 'text', text: marker };
  const options = readRegex(marker.regex).map(({ expression }) => expression);
  return { kind: 'choice', options };
}

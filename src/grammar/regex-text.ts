import type { AutomatonWork } from './automaton-work.js';
import { allCodePoints, type CodePoints } from './code-points.js';
import type { Expression } from './expression.js';
import { expressionText, lengthOf } from './expression-text.js';
import type { Regex } from './regex-reader.js';
import { automatonRules, type TextCondition } from './text-automaton.js';

const anyCharacter: Expression = { kind: 'character', of: allCodePoints };
const anyText: Expression = { kind: 'repeat', item: anyCharacter, least: 0, most: Infinity };

/**
 * What a text must be for a regular expression to match it.
 * @param whole the expression must match the text as a whole, not somewhere in it
 */
export function conditionsOf(regex: Regex, whole: boolean): TextCondition[] {
  const [only] = regex;
  const options = regex.map(({ expression, fromStart, toEnd }): Expression => {
    const items = [whole || fromStart ? [] : [anyText], [expression], whole || toEnd ? [] : [anyText]].flat();
    return items.length === 1 ? expression : { kind: 'sequence', items };
  });
  const conditions = (only?.conditions ?? []).map(({ expression, toEnd, isNegated }) => ({
    expression: toEnd ? expression : { kind: 'sequence' as const, items: [expression, anyText] },
    isNegated,
  }));
  const body: Expression =
    options.length === 1 && options[0] !== undefined ? options[0] : { kind: 'choice', options };
  return [{ expression: body, isNegated: false }, ...conditions];
}

/** Texts of so many characters. */
export function lengthCondition(least: number, most: number): TextCondition {
  return { expression: { kind: 'repeat', item: anyCharacter, least, most }, isNegated: false };
}

/**
 * GBNF rules for texts that satisfy all conditions; the first is named `name`.
 * @param character how one character of some is written
 * @param whole what it may take together with other automata
 * @throws AutomatonTooLarge
 */
export function conditionRules(
  conditions: readonly TextCondition[],
  name: string,
  character: (of: CodePoints) => string,
  whole?: AutomatonWork,
): Map<string, string> {
  const [first, ...others] = conditions;
  if (first !== undefined && others.length === 0 && !first.isNegated)
    return new Map([[name, expressionText(first.expression, character)]]);
  return automatonRules(conditions, name, character, whole);
}

/** The conditions imply that a text has so many characters. */
export function implyLength(conditions: readonly TextCondition[], least: number, most: number): boolean {
  return conditions.some(({ expression, isNegated }) => {
    const [shortest, longest] = lengthOf(expression);
    return !isNegated && shortest >= least && longest <= most;
  });
}

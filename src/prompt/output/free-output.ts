import {
  anyOf,
  composeGrammar,
  group,
  inOrder,
  literal,
  repeated,
  textUntil,
  textWithout,
  type Marker,
  type NamedGrammar,
} from '../../grammar/index.js';
import { callGrammar, isNumbered } from './call-grammar.js';
import type { CalledTool } from './called-tool.js';
import type { ReasoningMarks } from './output-style.js';
import { charactersOf, KeptGrammars } from './kept-grammars.js';
import { opensReasoning, type OutputFormat } from './output-format.js';

/** White space before what an output begins with. */
const spaces = '[ \\n]{0,4}';

/** Of the names of tools that text is compared with, characters at most. */
const mostNames = 500;

const kept = new KeptGrammars<NamedGrammar>(1024 * 1024);

/** What could be a call, whatever its name. */
const anyBeginning: readonly Marker[] = [{ regex: '\\s*\\{' }];

/** A format that has calls. */
type CallingFormat = OutputFormat & { readonly calls: NonNullable<OutputFormat['calls']> };

/**
 * GBNF of outputs in which nothing is asked of text and reasoning, but no call is begun that is not one as it should be.
 * Reasoning that calls end, as that of some families, is text like any other here; that of others may have in it what
 * else would begin a call.
 */
export function freeOutput(
  format: CallingFormat,
  prompt: string,
  { tools, isSingle }: { readonly tools: readonly CalledTool[]; readonly isSingle: boolean },
): string {
  const { calls: syntax, reasoning } = format;
  const names = tools.map(({ name }) => name);
  const calls = callGrammar(syntax, { tools, isSingle, heldToAll: false, isLed: true });
  const isApart = reasoning !== undefined && reasoning.endsWithCalls !== true && format.frame === undefined;
  const isOpen = opensReasoning(format, prompt);
  const rules = new Map(calls.rules);
  const add = ({ name, rules: own }: NamedGrammar): string => {
    for (const [rule, text] of own) rules.set(rule, text);
    return name;
  };
  const rest = (): string => {
    if (syntax.bare !== undefined) {
      const first = add(
        plainBeginning(syntax, names, isApart ? [reasoning.open, reasoning.close].map(behindSpaces) : []),
      );
      const opening = group(anyOf(syntax.openings.map(literal)), spaces);
      return anyOf([first, group(spaces, `${opening}?`, calls.name)]);
    }
    const recurs = isApart && reasoning.anywhere === true;
    const free = add(textBetween(syntax, names, recurs ? [reasoning.open] : []));
    const text = recurs ? inOrder(free, repeated(group(thoughts(reasoning).whole, free), 0, Infinity)) : free;
    const isOne = isSingle || syntax.isSingle === true;
    const runs = group(calls.name, isOne ? '' : text);
    const all = inOrder(text, repeated(runs, 0, isOne || isNumbered(syntax) ? 1 : Infinity));
    return recurs ? inOrder(all, repeated(thoughts(reasoning).endless, 0, 1)) : all;
  };
  /** Reasoning from its opening on. */
  const thoughts = ({ open, close }: ReasoningMarks): { whole: string; endless: string } => ({
    whole: group(literal(open), add(textUntil(close, 'thought'))),
    endless: group(literal(open), add(textWithout([close], 'unfinished'))),
  });
  rules.set('rest', rest());
  if (isApart) {
    const { whole, endless } = thoughts(reasoning);
    const gap = syntax.bare === undefined ? '' : spaces;
    const options = isOpen
      ? ['unfinished', inOrder('thought', gap, 'rest')]
      : ['rest', inOrder(spaces, anyOf([endless, inOrder(whole, gap, 'rest')]))];
    return composeGrammar({ root: anyOf(options), rules: [{ name: 'rest', rules }] });
  }
  return composeGrammar({ root: 'rest', rules: [{ name: 'rest', rules }] });
}

/** Text in which no call begins. */
function textBetween(
  { openings, marks }: CallingFormat['calls'],
  names: readonly string[],
  others: readonly string[],
): NamedGrammar {
  const exact = marks !== undefined && areFew(names);
  return keptText([...(exact ? marks(names) : openings), ...others], 'free', []);
}

/** A whole text that is no call, where calls need no opening. */
function plainBeginning(
  { openings, bare }: CallingFormat['calls'],
  names: readonly string[],
  others: readonly Marker[],
): NamedGrammar {
  const beginnings = areFew(names) ? (bare?.(names) ?? []) : anyBeginning;
  return keptText(openings, 'plain', [...beginnings, ...others]);
}

/** What the names of many tools come to would be too much; then less text is allowed. */
function areFew(names: readonly string[]): boolean {
  return names.reduce((length, name) => length + name.length, 0) <= mostNames;
}

function keptText(
  markers: readonly Marker[],
  name: 'free' | 'plain',
  beginnings: readonly Marker[],
): NamedGrammar {
  return kept.get(JSON.stringify([name, markers, beginnings]), () => {
    const value = textWithout(markers, name, beginnings);
    return { value, characters: charactersOf(value) };
  });
}

/** A text behind any white space. */
function behindSpaces(text: string): Marker {
  return { regex: `\\s*${text.replace(/[^\w]/g, '\\$&')}` };
}

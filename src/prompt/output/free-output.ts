import {
  anyOf,
  AutomatonTooLarge,
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
import { opensReasoning, type OutputFormat } from './output-format.js';

/** White space before what an output begins with. */
const spaces = '[ \\n]{0,4}';

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
      const first = add(plainBeginning(syntax, names, isApart ? [behindSpaces(reasoning.open)] : []));
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
  return orElse(
    () => textWithout([...(marks?.(names) ?? openings), ...others], 'free'),
    () => textWithout([...openings, ...others], 'free'),
  );
}

/** A whole text that is no call, where calls need no opening. */
function plainBeginning(
  { openings, bare }: CallingFormat['calls'],
  names: readonly string[],
  others: readonly Marker[],
): NamedGrammar {
  return orElse(
    () => textWithout(openings, 'plain', { beginnings: [...(bare?.(names) ?? []), ...others] }),
    () => textWithout(openings, 'plain', { beginnings: [...anyBeginning, ...others] }),
  );
}

/** What the names of many tools come to can be too much; then less text is allowed. */
function orElse(make: () => NamedGrammar, makeSmaller: () => NamedGrammar): NamedGrammar {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof AutomatonTooLarge)) throw error;
    return makeSmaller();
  }
}

/** A text behind any white space. */
function behindSpaces(text: string): Marker {
  return { regex: `\\s*${text.replace(/[^\w]/g, '\\$&')}` };
}

import { anyOf, group, inOrder, literal, repeated, type NamedGrammar } from '../../grammar/index.js';
import { argumentGrammars } from './argument-grammar.js';
import type { CallSyntax } from './call-syntax.js';
import type { CalledTool } from './called-tool.js';

/** Of calls that are written with their number, so many are written out; fewer where there are many tools. */
const mostNumbered = 8;
const mostNumberedNames = 400;

/** In the place of a name: no tool has it, and JSON writes it as it is. */
const anyName = '\uE000';

/** What calls are held to. */
export interface CallForm {
  readonly tools: readonly CalledTool[];
  /** There is one call, not several. */
  readonly isSingle: boolean;
  /** Arguments are held to the schemas of all tools that can be enforced; else only to those of strict ones. */
  readonly heldToAll: boolean;
  /** `lead` of the syntax has been written already. */
  readonly isLed: boolean;
}

/**
 * The grammar of the calls of an output, from the first to the last.
 * @throws HeddleError `invalid_parameter`, `unsupported_schema` or `unsupported_by_model` when a strict tool's schema can not
 *   be enforced
 */
export function callGrammar(syntax: CallSyntax, form: CallForm): NamedGrammar {
  const { begin, between, end, isSingle = false } = syntax;
  const single = isSingle || form.isSingle;
  const args = argumentGrammars(syntax.arguments, form);
  const rules = new Map(args.flatMap((part) => [...part.rules]));
  const add = (name: string, text: string): string => {
    rules.set(name, text);
    return name;
  };
  const calls = (index: number): string => {
    const [before, behind] = headerOf(syntax, form, index);
    const open = add(`call-${index}-named`, exactly(behind));
    const named = form.tools.map(({ name }, tool) => inOrder(literal(name), open, args[tool]?.name ?? ''));
    return add(`call-${index}`, inOrder(exactly(before), anyOf(named), exactly(syntax.after)));
  };
  let all = calls(0);
  if (!single && isNumbered(syntax)) {
    let rest = '';
    const most = Math.min(mostNumbered, 1 + Math.floor(mostNumberedNames / form.tools.length));
    for (let index = most - 1; index > 0; index--)
      rest = repeated(group(exactly(between), calls(index), rest), 0, 1);
    all = inOrder(all, rest);
  } else if (!single) all = inOrder(all, repeated(group(exactly(between), all), 0, Infinity));
  rules.set('calls', inOrder(exactly(begin), all, exactly(end)));
  return { name: 'calls', rules };
}

/** Calls are written with their number. */
export function isNumbered(syntax: CallSyntax): boolean {
  return syntax.before('f', 0) !== syntax.before('f', 1);
}

/** What stands before a tool's name, and between that and its arguments. */
function headerOf(
  { before, lead = '' }: CallSyntax,
  { isLed }: CallForm,
  index: number,
): readonly [before: string, behind: string] {
  const [begin = '', ...behind] = before(anyName, index).split(anyName);
  return [isLed && begin.startsWith(lead) ? begin.slice(lead.length) : begin, behind.join(anyName)];
}

function exactly(text: string): string {
  return text === '' ? '' : literal(text);
}

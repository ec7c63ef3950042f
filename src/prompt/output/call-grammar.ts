import { anyOf, group, inOrder, literal, repeated, type NamedGrammar } from '../../grammar/index.js';
import { argumentGrammars } from './argument-grammar.js';
import type { CallSyntax } from './call-syntax.js';
import type { CalledTool } from './called-tool.js';

/** Of calls that are written with their number, so many are written out. */
const mostNumbered = 16;

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
  const calls = (index: number): string =>
    anyOf(
      form.tools.map(({ name }, tool) =>
        inOrder(literal(headerOf(syntax, form, name, index)), args[tool]?.name ?? '', exactly(syntax.after)),
      ),
    );
  const add = (name: string, text: string): string => {
    rules.set(name, text);
    return name;
  };
  let all = add('call-0', calls(0));
  if (!single && isNumbered(syntax)) {
    let rest = '';
    for (let index = mostNumbered - 1; index > 0; index--) {
      const call = add(`call-${index}`, calls(index));
      rest = repeated(group(inOrder(exactly(between), call, rest)), 0, 1);
    }
    all = inOrder(all, rest);
  } else if (!single) all = inOrder(all, repeated(group(exactly(between), all), 0, Infinity));
  rules.set('calls', inOrder(exactly(begin), all, exactly(end)));
  return { name: 'calls', rules };
}

/** Calls are written with their number. */
export function isNumbered(syntax: CallSyntax): boolean {
  return syntax.before('f', 0) !== syntax.before('f', 1);
}

function headerOf(
  { before, lead = '' }: CallSyntax,
  { isLed }: CallForm,
  name: string,
  index: number,
): string {
  const header = before(name, index);
  return isLed && header.startsWith(lead) ? header.slice(lead.length) : header;
}

function exactly(text: string): string {
  return text === '' ? '' : literal(text);
}

import { HeddleError } from '../../core/errors.js';
import {
  AutomatonWork,
  anyParameters,
  checkSchemaSize,
  argumentsSchema,
  composeGrammar,
  gemmaNotation,
  grammarLimits,
  Grammar,
  parametersGrammar,
  toolArgumentsGrammar,
  type NamedGrammar,
} from '../../grammar/index.js';
import type { ArgumentSyntax } from './call-syntax.js';
import type { CalledTool } from './called-tool.js';
import { charactersOf, KeptGrammars } from './kept-grammars.js';
import { parameterTypes } from './parameter-type.js';

/** States of all schemas together: a grammar may have 50,000. */
const mostStates = 40_000;

/** Of those of schemas that nobody asked to be enforced. */
const mostUnasked = 20_000;

/** What one that can not be enforced counts as, so that not too many are tried. */
const statesOfFailure = 400;

/** What it takes to find that one has too many states. */
const workOfTooMany = 500_000;

/** A grammar of the arguments of one tool, or why there is none. */
type Held = ({ readonly part: NamedGrammar; readonly states: number } | { readonly error: HeddleError }) & {
  /** What its automata took. */
  readonly work: number;
};

/** A tool that says nothing of its arguments. */
const anyTool: CalledTool = { name: '', strict: false, path: '' };

const kept = new KeptGrammars<Held>(4 * 1024 * 1024);

/**
 * Grammars of the arguments of tools, in their order: of what their schemas allow, or else any arguments at all.
 * @param form.heldToAll schemas are enforced as far as possible; else those of strict tools only
 * @throws HeddleError `invalid_parameter`, `unsupported_schema` or `unsupported_by_model` when a strict tool's schema can not
 *   be enforced
 */
export function argumentGrammars(
  syntax: ArgumentSyntax,
  { tools, heldToAll }: { readonly tools: readonly CalledTool[]; readonly heldToAll: boolean },
): readonly NamedGrammar[] {
  const parts = new Map<CalledTool, NamedGrammar>();
  let left = mostStates;
  let workLeft: number = grammarLimits.schemaAutomatonWork;
  const hold = (tool: CalledTool, index: number): void => {
    const held = heldArguments(syntax, tool, `arguments-${index}`);
    if (tool.strict && 'error' in held) throw held.error;
    left -= 'error' in held ? statesOfFailure : held.states;
    workLeft -= held.work;
    const isTooMuch = left < 0 || workLeft < 0;
    if ('part' in held && !isTooMuch) parts.set(tool, held.part);
    if (tool.strict && isTooMuch) throw tooLarge(tool, left < 0);
  };
  for (const [index, tool] of tools.entries()) if (tool.strict) hold(tool, index);
  left = Math.min(left, mostUnasked);
  for (const [index, tool] of tools.entries())
    if (heldToAll && !tool.strict && left > 0 && workLeft > 0) hold(tool, index);
  const any = schemaArguments(syntax, anyTool, 'arguments-any');
  return tools.map((tool) => parts.get(tool) ?? any);
}

function tooLarge({ path }: CalledTool, inStates: boolean): HeddleError {
  const what = inStates ? `more than ${mostStates} states of a grammar` : 'more than can be computed';
  return new HeddleError(
    'invalid_parameter',
    `"${path}": together with those of other strict tools this schema comes to ${what}.`,
    { param: path },
  );
}

/**
 * Refuses strict tools whose schemas can not be enforced by any model.
 * @throws HeddleError `invalid_parameter` or `unsupported_schema`, with the path
 */
export function checkStrictTools(tools: readonly CalledTool[]): void {
  argumentGrammars({ kind: 'json' }, { tools, heldToAll: false });
}

function heldArguments(syntax: ArgumentSyntax, tool: CalledTool, name: string): Held {
  const { path, parameters } = tool;
  try {
    checkSchemaSize(parameters, path);
  } catch (error) {
    if (error instanceof HeddleError) return { error, work: 0 };
    throw error;
  }
  const key = JSON.stringify([syntaxKey(syntax), name, path, parameters]);
  return kept.get(key, () => {
    const held = makeHeld(syntax, tool, name);
    return { value: held, characters: 'part' in held ? charactersOf(held.part) : 0 };
  });
}

function makeHeld(syntax: ArgumentSyntax, tool: CalledTool, name: string): Held {
  const work = new AutomatonWork(grammarLimits.schemaAutomatonWork);
  let isWritten = false;
  try {
    const part = schemaArguments(syntax, tool, name, work);
    isWritten = true;
    // The rules that all tools share count once, and not for each of them.
    const shared = statesOf(schemaArguments(syntax, anyTool, name), '');
    return { part, states: Math.max(0, statesOf(part, tool.path) - shared), work: work.spent };
  } catch (error) {
    if (isWritten) work.add(workOfTooMany);
    if (error instanceof HeddleError) return { error, work: work.spent };
    throw error;
  }
}

/** @throws HeddleError `invalid_parameter` when there is no text of a grammar, or it is too large */
function statesOf(part: NamedGrammar, param: string): number {
  const source = composeGrammar({ root: `${part.name} "."`, rules: [part] });
  return new Grammar(source, { param }).size;
}

/** Arguments as the schema of their tool says. */
function schemaArguments(
  syntax: ArgumentSyntax,
  tool: CalledTool,
  name: string,
  work = new AutomatonWork(grammarLimits.schemaAutomatonWork),
): NamedGrammar {
  const { parameters, path } = tool;
  switch (syntax.kind) {
    case 'json':
      return toolArgumentsGrammar(parameters, { name, path, work });
    case 'gemma':
      return toolArgumentsGrammar(parameters, { name, path, notation: gemmaNotation, work });
    case 'parameters':
      return parameters === undefined
        ? anyParameters(syntax, name)
        : parametersGrammar(argumentsSchema(parameters, path), syntax, {
            name,
            path,
            work,
            typesOf: (key) => parameterTypes(tool, key),
          });
  }
}

/** What tells the syntaxes of families apart. */
function syntaxKey(syntax: ArgumentSyntax): string {
  return syntax.kind === 'parameters' ? `${syntax.before('', true)} ${syntax.after}` : syntax.kind;
}

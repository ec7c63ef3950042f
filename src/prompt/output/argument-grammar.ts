import { HeddleError } from '../../core/errors.js';
import {
  anyParameters,
  composeGrammar,
  gemmaNotation,
  Grammar,
  parametersGrammar,
  toolArgumentsGrammar,
  type NamedGrammar,
} from '../../grammar/index.js';
import type { ArgumentSyntax } from './call-syntax.js';
import type { CalledTool } from './called-tool.js';
import { KeptGrammars } from './kept-grammars.js';
import { parameterTypes } from './parameter-type.js';

/** States of the schemas that are enforced although nobody asked for it, all together: a grammar may have 50,000. */
const mostStates = 20_000;

/** A grammar of the arguments of one tool, or why there is none. */
type Held = { readonly part: NamedGrammar; readonly states: number } | { readonly error: HeddleError };

/** A tool that says nothing of its arguments. */
const anyTool: CalledTool = { name: '', strict: false, path: '' };

/** To make one can take longer than to read the rest of a request. */
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
  let left = mostStates;
  let any: NamedGrammar | undefined;
  return tools.map((tool, index) => {
    const name = `arguments-${index}`;
    const held = tool.strict || (heldToAll && left > 0) ? heldArguments(syntax, tool, name) : undefined;
    if (tool.strict && held !== undefined && 'error' in held) throw held.error;
    if (held !== undefined && 'part' in held && (tool.strict || held.states <= left)) {
      if (!tool.strict) left -= held.states;
      return held.part;
    }
    return (any ??= schemaArguments(syntax, anyTool, 'arguments-any'));
  });
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
  const key = JSON.stringify([syntaxKey(syntax), name, path, parameters]);
  return kept.get(key, () => {
    const held = makeHeld(syntax, tool, name);
    return { value: held, rules: 'part' in held ? held.part.rules : undefined };
  });
}

function makeHeld(syntax: ArgumentSyntax, tool: CalledTool, name: string): Held {
  try {
    const part = schemaArguments(syntax, tool, name);
    const source = composeGrammar({ root: `${part.name} "."`, rules: [part] });
    return { part, states: new Grammar(source, { param: tool.path }).size };
  } catch (error) {
    if (error instanceof HeddleError) return { error };
    throw error;
  }
}

/** Arguments as the schema of their tool says. */
function schemaArguments(syntax: ArgumentSyntax, tool: CalledTool, name: string): NamedGrammar {
  const { parameters, path } = tool;
  switch (syntax.kind) {
    case 'json':
      return toolArgumentsGrammar(parameters, { name, path });
    case 'gemma':
      return toolArgumentsGrammar(parameters, { name, path, notation: gemmaNotation });
    case 'parameters':
      return parameters === undefined
        ? anyParameters(syntax, name)
        : parametersGrammar(parameters, syntax, { name, path, typesOf: (key) => parameterTypes(tool, key) });
  }
}

/** What tells the syntaxes of families apart. */
function syntaxKey(syntax: ArgumentSyntax): string {
  return syntax.kind === 'parameters' ? `${syntax.before('', true)} ${syntax.after}` : syntax.kind;
}

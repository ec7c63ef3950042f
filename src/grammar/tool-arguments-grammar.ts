import type { AutomatonWork } from './automaton-work.js';
import type { NamedGrammar } from './gbnf-text.js';
import { jsonNotation, type Notation } from './schema/notation.js';
import { invalidSchema, isObject, partOf } from './schema/schema-source.js';
import { schemaGrammar } from './schema/schema-grammar.js';

/**
 * A grammar of the arguments of a tool: one object, as JSON or in another notation, that satisfies the tool's parameters. To be put into the form in
 * which a model writes calls with `composeGrammar`.
 * @param parameters the tool's JSON schema; any object when it has none
 * @param options.name of the rule, different for each tool; letters, digits and "-"
 * @param options.path of the schema in the request, such as `tools[0].function.parameters`
 * @param options.work what its automata may take; as much as those of any schema when absent
 * @throws HeddleError as {@link schemaGrammar}
 */
export function toolArgumentsGrammar(
  parameters: unknown,
  options: { name: string; path: string; notation?: Notation; work?: AutomatonWork },
): NamedGrammar {
  const { rules, object: name } = options.notation ?? jsonNotation;
  if (parameters === undefined || parameters === null) return { name, rules };
  return schemaGrammar(argumentsSchema(parameters, options.path), options);
}

/**
 * A tool's schema, as one of objects only: values of other types are no arguments.
 * @throws HeddleError `invalid_parameter` where it has no objects
 */
export function argumentsSchema(parameters: unknown, path: string): unknown {
  if (!isObject(parameters)) return parameters;
  const { type } = parameters;
  const hasObjects = Array.isArray(type) ? type.includes('object') : type === undefined || type === 'object';
  if (!hasObjects) throw invalidSchema(partOf(path, 'type'), 'arguments are an object.');
  return { ...parameters, type: 'object' };
}

import type { NamedGrammar } from './gbnf-text.js';
import { jsonNotation, type Notation } from './schema/notation.js';
import { isObject } from './schema/schema-source.js';
import { schemaGrammar } from './schema/schema-grammar.js';

/**
 * A grammar of the arguments of a tool: one object, as JSON or in another notation, that satisfies the tool's parameters. To be put into the form in
 * which a model writes calls with `composeGrammar`.
 * @param parameters the tool's JSON schema; any object when it has none
 * @param options.name of the rule, different for each tool; letters, digits and "-"
 * @param options.path of the schema in the request, such as `tools[0].function.parameters`
 * @throws HeddleError as {@link schemaGrammar}
 */
export function toolArgumentsGrammar(
  parameters: unknown,
  options: { name: string; path: string; notation?: Notation },
): NamedGrammar {
  const { rules, object: name } = options.notation ?? jsonNotation;
  if (parameters === undefined || parameters === null) return { name, rules };
  // A schema without a type would have values of other types, which are no arguments.
  const schema =
    isObject(parameters) && parameters['type'] === undefined ? { ...parameters, type: 'object' } : parameters;
  return schemaGrammar(schema, options);
}

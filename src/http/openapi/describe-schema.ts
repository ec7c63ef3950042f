import type { JsonSchema } from './json-schema.js';
import type { Descriptions } from './operation.js';

/**
 * Writes descriptions to the properties that they are of, and rules behind them. What a schema says of itself stays where
 * nothing else is said.
 * @param descriptions by path: `stream_options.include_usage`, `tools[].function.strict`; of a union, of all its parts
 * @returns the paths that there are
 */
export function describeSchema(schema: JsonSchema, descriptions: Descriptions = {}): ReadonlySet<string> {
  const paths = new Set<string>();
  visit(schema, '', descriptions, paths);
  return paths;
}

function visit(schema: JsonSchema, path: string, descriptions: Descriptions, paths: Set<string>): void {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const own = path === '' ? name : `${path}.${name}`;
    paths.add(own);
    const text = Object.hasOwn(descriptions, own) ? descriptions[own] : undefined;
    if (text !== undefined) property.description = text;
    visit(property, own, descriptions, paths);
  }
  if (typeof schema.items === 'object') visit(schema.items, `${path}[]`, descriptions, paths);
  for (const part of [schema.anyOf, schema.oneOf, schema.allOf].flatMap((parts) => parts ?? []))
    visit(part, path, descriptions, paths);
  const { rules = [], description } = schema;
  if (rules.length > 0) {
    schema.description = [...(description === undefined ? [] : [asSentence(description)]), ...rules].join(
      ' ',
    );
    delete schema.rules;
  }
}

function asSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

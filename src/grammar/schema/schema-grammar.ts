import { anyOf, group, type NamedGrammar } from '../gbnf-text.js';
import { jsonLiteral } from '../json-text.js';
import { arrayRule } from './array-rule.js';
import { areDisjoint } from './disjoint.js';
import type { JsonType } from './keywords.js';
import { mergeAlternative } from './merged-schema.js';
import { numberRule } from './number-rule.js';
import { objectRule } from './object-rule.js';
import { RuleWriter } from './rule-writer.js';
import { SchemaResolver, type Alternative } from './schema-resolver.js';
import { sourceAt, type SchemaSource } from './schema-source.js';
import { stringRule } from './string-rule.js';
import { allowedValues } from './value-check.js';

/**
 * A grammar of JSON texts that satisfy a JSON schema (draft 2020-12). Every text of it is valid; not every valid text is of
 * it: properties come in the order of the schema, numbers have a bounded number of digits, and what the schema leaves open
 * is read narrowly, as docs/api.md says. A schema that has no types is read as one of those that its keywords are about.
 *
 * What can not be enforced is refused, wherever in the schema it would matter.
 * @param options.name of the rule; all rules begin with it, but for those that all JSON grammars share (`json-...`)
 * @param options.path of the schema in the request, for errors
 * @throws HeddleError `invalid_parameter` when it is no schema, `unsupported_schema` when it can not be enforced; both with
 *   the path of the keyword
 */
export function schemaGrammar(schema: unknown, options: { name?: string; path: string }): NamedGrammar {
  const { name = 'value', path } = options;
  const root = sourceAt(schema, path);
  const resolver: SchemaResolver = new SchemaResolver(root, (left, right) =>
    areDisjoint(left, right, (source: SchemaSource) => resolver.alternatives([source])),
  );
  const writer = new RuleWriter(name, path);
  writer.ruleOf([root]);
  for (let next = writer.next(); next !== undefined; next = writer.next()) {
    const texts = resolver.alternatives(next.all).flatMap((one) => alternativeTexts(one, writer));
    writer.set(next.name, texts.length === 0 ? '[]' : anyOf(texts));
  }
  return { name, rules: writer.rules };
}

/** GBNF for the values of one alternative, type by type; `[]` where there are none. */
function alternativeTexts(alternative: Alternative, writer: RuleWriter): string[] {
  const merged = mergeAlternative(alternative);
  if (merged.values !== undefined) return allowedValues(alternative, merged).map(jsonLiteral);
  const textOf: Record<JsonType, () => string> = {
    object: () => group(objectRule(alternative, writer)),
    array: () => group(arrayRule(alternative, writer)),
    string: () => stringRule(alternative, writer),
    number: () => numberRule(alternative, merged.isInteger),
    boolean: () => '( "true" | "false" )',
    null: () => '"null"',
  };
  return [...merged.types].map((type) => textOf[type]());
}

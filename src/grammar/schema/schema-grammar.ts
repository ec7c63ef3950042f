import type { AutomatonWork } from '../automaton-work.js';
import { anyOf, group, type NamedGrammar } from '../gbnf-text.js';
import { arrayRule } from './array-rule.js';
import { disjointCheck } from './disjoint.js';
import type { JsonType } from './keywords.js';
import { mergeAlternative, type MergedSchema } from './merged-schema.js';
import { jsonNotation, type Notation } from './notation.js';
import { numberRule } from './number-rule.js';
import { objectRule } from './object-rule.js';
import { RuleWriter } from './rule-writer.js';
import { SchemaResolver, type Alternative } from './schema-resolver.js';
import { sourceAt, type SchemaSource } from './schema-source.js';
import { stringRule } from './string-rule.js';
import { allowedValues } from './value-check.js';

/** What a step of resolving a schema takes, beside one of computing an automaton. */
const stepOfResolving = 2;

/**
 * A grammar of JSON texts that satisfy a JSON schema (draft 2020-12). Every text of it is valid; not every valid text is of
 * it: properties come in the order of the schema, numbers have a bounded number of digits, and what the schema leaves open
 * is read narrowly, as docs/api.md says. A schema that has no types is read as one of those that its keywords are about.
 *
 * What can not be enforced is refused, wherever in the schema it would matter.
 * @param options.name of the rule; all rules begin with it, but for those that all JSON grammars share (`json-...`)
 * @param options.path of the schema in the request, for errors
 * @param options.notation of the values; JSON when absent
 * @param options.work what its automata may take; as much as those of any schema when absent
 * @throws HeddleError `invalid_parameter` when it is no schema, `unsupported_schema` when it can not be enforced; both with
 *   the path of the keyword
 */
export function schemaGrammar(
  schema: unknown,
  options: { name?: string; path: string; notation?: Notation; work?: AutomatonWork },
): NamedGrammar {
  const { name = 'value', path, notation = jsonNotation } = options;
  const root = sourceAt(schema, path);
  const writer = new RuleWriter(name, path, notation, options.work);
  writer.ruleOf([root]);
  withResolver(root, options.work, (resolver) => writeValues(resolver, writer));
  return { name, rules: writer.rules };
}

/** @throws HeddleError `invalid_parameter` when the schema is too large or too deep */
export function resolverOf(root: SchemaSource): SchemaResolver {
  return new SchemaResolver(root, disjointCheck());
}

/**
 * @param work is told what resolving took, also where it failed
 * @throws HeddleError `invalid_parameter` when the schema is too large or too deep
 */
export function withResolver(
  root: SchemaSource,
  work: AutomatonWork | undefined,
  act: (resolver: SchemaResolver) => void,
): void {
  const resolver = resolverOf(root);
  try {
    act(resolver);
  } finally {
    work?.add(resolver.work * stepOfResolving);
  }
}

/** Writes the rules of all schemas that something refers to and that have none yet. */
export function writeValues(resolver: SchemaResolver, writer: RuleWriter): void {
  for (let next = writer.next(); next !== undefined; next = writer.next()) {
    const texts = resolver.alternatives(next.all).flatMap((one) => alternativeTexts(one, writer));
    writer.set(next.name, texts.length === 0 ? '[]' : anyOf(texts));
  }
}

/** GBNF for the values of one alternative, type by type; `[]` where there are none. */
function alternativeTexts(alternative: Alternative, writer: RuleWriter): string[] {
  const merged = mergeAlternative(alternative);
  if (merged.values !== undefined)
    return allowedValues(alternative, merged).flatMap((value) => writer.notation.exactly(value) ?? []);
  return [...merged.types].map((type) => typeText(type, alternative, merged, writer));
}

/** GBNF for the values of one type. */
export function typeText(
  type: JsonType,
  alternative: Alternative,
  { isInteger }: Pick<MergedSchema, 'isInteger'>,
  writer: RuleWriter,
): string {
  switch (type) {
    case 'object':
      return group(objectRule(alternative, writer));
    case 'array':
      return group(arrayRule(alternative, writer));
    case 'string':
      return stringRule(alternative, writer);
    case 'number':
      return numberRule(alternative, isInteger);
    case 'boolean':
      return '( "true" | "false" )';
    case 'null':
      return '"null"';
  }
}

import type { AutomatonWork } from '../automaton-work.js';
import { anyOf, characterClass, group, literal, repeated, type NamedGrammar } from '../gbnf-text.js';
import { textWithout } from '../marker-grammar.js';
import { readRegex } from '../regex-reader.js';
import { conditionsOf } from '../regex-text.js';
import type { TextCondition } from '../text-automaton.js';
import { jsonTypes } from './keywords.js';
import { mergeAlternative, type MergedSchema } from './merged-schema.js';
import { jsonWithin, longestOtherName, wordCharacters } from './notation.js';
import { objectShape, otherName } from './object-rule.js';
import { RuleWriter } from './rule-writer.js';
import { typeText, withResolver, writeValues } from './schema-grammar.js';
import type { Alternative, SchemaResolver } from './schema-resolver.js';
import { isObject, partOf, sourceAt, unsupportedSchema, type Conjunction } from './schema-source.js';
import { stringBody } from './string-rule.js';
import { allowedValues } from './value-check.js';

/** How parameters are written one by one: a text as it is, anything else as JSON. */
export interface ParameterNotation {
  /** What stands before a value. @param isText it is a text, where the notation says so */
  readonly before: (name: string, isText: boolean) => string;
  /** What stands behind it; white space around it aside, no value has it in it. */
  readonly after: string;
}

/** Who reads a parameter takes it for a value of one of these types, if it is JSON of one, and else for a text. */
export type ReadTypes = (name: string) => ReadonlySet<string>;

/** Texts that are read as values of a type, by its name. */
const readAs: Readonly<Record<string, string>> = {
  null: '\\s*(?:null|None)\\s*',
  boolean: '\\s*(?:true|false|True|False)\\s*',
  number: '\\s*-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\\s*',
  integer: '\\s*-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\\s*',
  object: '\\s*\\{[\\s\\S]*',
  array: '\\s*\\[[\\s\\S]*',
};

/** A name that no schema has. */
const noName = '\u0000';

/**
 * A grammar of parameters that together are an object of a schema, in its order.
 * @param parameters the schema, of objects only
 * @param options.name of the rule
 * @param options.path of the schema in the request, for errors
 * @param options.typesOf what its reader takes a parameter for
 * @param options.work what its automata may take; as much as those of any schema when absent
 * @throws HeddleError as `schemaGrammar`, and `unsupported_schema` for names that can not be written
 */
export function parametersGrammar(
  parameters: unknown,
  notation: ParameterNotation,
  options: { name: string; path: string; typesOf: ReadTypes; work?: AutomatonWork },
): NamedGrammar {
  const { name, path, typesOf } = options;
  const root = sourceAt(parameters, path);
  const writer = new RuleWriter(name, path, jsonWithin(notation.after.trim()), options.work);
  // The first rule is the whole; it is written here, and not as a value.
  writer.ruleOf([root]);
  writer.next();
  withResolver(root, options.work, (resolver) => {
    const lists = resolver
      .alternatives([root])
      .flatMap((one) => parameterLists(one, { notation, resolver, writer, typesOf }));
    writer.set(name, lists.length === 0 ? '[]' : anyOf(lists));
    writeValues(resolver, writer);
  });
  return { name, rules: writer.rules };
}

/** A grammar of any parameters. @param name of the rule */
export function anyParameters(notation: ParameterNotation, name: string): NamedGrammar {
  const marker = notation.after.trim();
  const json = jsonWithin(marker);
  const text = textWithout([marker], 'any-text');
  const key = `${characterClass(wordCharacters)}{1,${longestOtherName}}`;
  const values = { text: text.name, json: [json.value] };
  const one = parameter(key, values, notation);
  const rules = new Map([...json.rules, ...text.rules, [name, repeated(one, 0, Infinity)] as const]);
  return { name, rules };
}

interface Context {
  readonly notation: ParameterNotation;
  readonly resolver: SchemaResolver;
  readonly writer: RuleWriter;
  readonly typesOf: ReadTypes;
}

/** The parameters of one alternative of the schema. */
function parameterLists(alternative: Alternative, context: Context): string[] {
  const { notation, writer, typesOf } = context;
  const merged = mergeAlternative(alternative);
  if (!merged.types.has('object')) return [];
  const { path = '' } = alternative[0] ?? {};
  if (merged.values !== undefined) throw unsupportedSchema(path, 'values of all parameters at once are not.');
  const { names, required, others, conjunction } = objectShape(alternative);
  const members = [...names].map((name) => {
    if (!/^[^<>"\r\n]+$/.test(name) || name.trim() !== name)
      throw unsupportedSchema(
        partOf(partOf(path, 'properties'), name),
        'in the way in which this model writes calls, a parameter can not have this name.',
      );
    const values = parameterValues(conjunction(name), typesOf(name), context);
    const one = parameter(literal(name), values, notation);
    return repeated(one, required.has(name) ? 1 : 0, 1);
  });
  if (others !== undefined) {
    const values = parameterValues(others, typesOf(noName), context);
    members.push(repeated(parameter(otherKey(names, writer), values, notation), 0, Infinity));
  }
  return [members.length === 0 ? '""' : group(...members)];
}

/** A name that is none of those. */
function otherKey(names: ReadonlySet<string>, writer: RuleWriter): string {
  const character = characterClass(wordCharacters);
  return otherName(names, writer, {
    characters: wordCharacters,
    character,
    most: longestOtherName,
    mayBeEmpty: false,
  });
}

/** What a parameter's value can be: a text as it is, and JSON. */
interface ParameterValues {
  readonly text: string | undefined;
  readonly json: readonly string[];
}

/** One parameter; `[]` where it can not have a value. */
function parameter(key: string, { text, json }: ParameterValues, notation: ParameterNotation): string {
  const { before, after } = notation;
  const around = (isText: boolean, value: string): string => {
    const [begin = '', end = ''] = before(noName, isText).split(noName);
    return group(literal(begin), key, literal(end), value, literal(after));
  };
  if (saysType(notation)) {
    const options = text === undefined ? [] : [around(true, text)];
    if (json.length > 0) options.push(around(false, anyOf(json)));
    return options.length === 0 ? '[]' : anyOf(options);
  }
  const all = [...(text === undefined ? [] : [text]), ...json];
  return all.length === 0 ? '[]' : around(false, anyOf(all));
}

function saysType({ before }: ParameterNotation): boolean {
  return before(noName, true) !== before(noName, false);
}

function parameterValues(
  all: Conjunction,
  types: ReadonlySet<string>,
  { notation, resolver, writer }: Context,
): ParameterValues {
  const marker = notation.after.trim();
  const isOpen = all.every(
    ({ schema }) => schema === true || (isObject(schema) && Object.keys(schema).length === 0),
  );
  const isSaid = saysType(notation);
  if (isOpen) {
    const text = textWithout([marker], 'any-text');
    for (const [rule, body] of text.rules) writer.set(rule, body);
    return { text: text.name, json: isSaid ? [writer.notation.value] : [] };
  }
  // What would be read as something else is no text.
  const mistaken = isSaid ? [] : [...types].filter((type) => type !== 'string');
  const texts: string[] = [];
  const json: string[] = [];
  for (const alternative of resolver.alternatives(all)) {
    const merged = mergeAlternative(alternative);
    if (merged.values === undefined) {
      for (const type of jsonTypes.filter((one) => merged.types.has(one))) {
        if (type === 'string') texts.push(textBody(alternative, { marker, mistaken, writer }));
        else json.push(typeText(type, alternative, merged, writer));
      }
    } else {
      const exact = exactValues(alternative, merged, { marker, mistaken, writer });
      texts.push(...exact.texts);
      json.push(...exact.json);
    }
  }
  return { text: texts.length === 0 ? undefined : anyOf(texts), json };
}

interface TextContext {
  readonly marker: string;
  readonly mistaken: readonly string[];
  readonly writer: RuleWriter;
}

/** A text as it is. */
function textBody(alternative: Alternative, { marker, mistaken, writer }: TextContext): string {
  const patterns = [...new Set(mistaken.map((type) => readAs[type] ?? ''))];
  const more = patterns.flatMap((pattern): TextCondition[] =>
    conditionsOf(readRegex(pattern), true).map(({ expression }) => ({ expression, isNegated: true })),
  );
  const raw = { character: characterClass, excluded: marker };
  if (more.length > 0) return stringBody(alternative, writer, { ...raw, anyText: '' }, more);
  const anyText = 'any-text';
  const body = stringBody(alternative, writer, { ...raw, anyText });
  if (body === anyText)
    for (const [rule, text] of textWithout([marker], anyText).rules) writer.set(rule, text);
  return body;
}

function exactValues(
  alternative: Alternative,
  merged: MergedSchema,
  { marker, mistaken, writer }: TextContext,
): { texts: string[]; json: string[] } {
  const texts: string[] = [];
  const json: string[] = [];
  const isMistaken = (text: string): boolean =>
    mistaken.some((type) => new RegExp(`^(?:${readAs[type] ?? ''})$`).test(text));
  for (const value of allowedValues(alternative, merged)) {
    if (typeof value !== 'string') json.push(writer.notation.exactly(value) ?? '[]');
    else if (!value.includes(marker) && !isMistaken(value)) texts.push(value === '' ? '""' : literal(value));
  }
  return { texts, json };
}

import { codePoints, contains, without, type CodePoints } from '../code-points.js';
import { anyOf, characterClass, inOrder, literal, repeated } from '../gbnf-text.js';
import { limits } from '../limits.js';
import { countAt } from './keywords.js';
import type { Notation } from './notation.js';
import type { RuleWriter } from './rule-writer.js';
import type { Alternative } from './schema-resolver.js';
import {
  invalidSchema,
  mapAt,
  partOf,
  sourceAt,
  unsupportedSchema,
  type Conjunction,
  type Keywords,
  type SchemaSource,
} from './schema-source.js';

/** What one schema says about the properties of an object. */
interface ObjectSchema {
  readonly properties: ReadonlyMap<string, SchemaSource>;
  readonly required: readonly string[];
  /** What all others must satisfy; undefined when nothing is said of them. */
  readonly others: SchemaSource | undefined;
}

/**
 * GBNF for the objects of an alternative. Properties come in the order in which the schema names them, others behind them.
 * There are others where `additionalProperties` allows them, or where no properties are named at all.
 * @throws HeddleError `invalid_parameter` or `unsupported_schema`
 */
export function objectRule(alternative: Alternative, writer: RuleWriter): string {
  const { names, required, others, conjunction } = objectShape(alternative);
  const { notation } = writer;
  const { space } = notation;
  const hasChoice = required.size < names.size || others !== undefined;
  const members = [...names].map((name) => {
    const key = notation.key(name);
    if (key === undefined)
      throw unsupportedSchema(
        partOf(partOf(alternative[0]?.path ?? '', 'properties'), name),
        'this model can not write the name.',
      );
    const text = inOrder(key, space, writer.ruleOf(conjunction(name)), space);
    // With a choice of what follows, it is written twice.
    return { text: hasChoice ? writer.add(text) : text, isRequired: required.has(name) };
  });
  const { open, close } = notation.otherKey;
  const other =
    others === undefined
      ? undefined
      : inOrder(
          open,
          otherName(names, writer, notation.otherKey),
          close,
          space,
          writer.ruleOf(others),
          space,
        );
  return inOrder('"{"', space, memberList(members, other, writer), '"}"');
}

/** What the schemas of an alternative say about the properties of its objects. */
export interface ObjectShape {
  /** Of properties, in the order of the schemas. */
  readonly names: ReadonlySet<string>;
  readonly required: ReadonlySet<string>;
  /** What properties of other names must satisfy; undefined where there may be none. */
  readonly others: Conjunction | undefined;
  /** What a property must satisfy. */
  readonly conjunction: (name: string) => Conjunction;
}

/** @throws HeddleError `invalid_parameter` or `unsupported_schema` */
export function objectShape(alternative: Alternative): ObjectShape {
  const schemas = alternative.map(({ keywords, path }) => readObject(keywords, path));
  const required = new Set(schemas.flatMap((schema) => schema.required));
  const names = new Set([...schemas.flatMap(({ properties }) => [...properties.keys()]), ...required]);
  const others = schemas.flatMap((schema) => schema.others ?? []);
  const hasOthers = (names.size === 0 || others.length > 0) && others.every(({ schema }) => schema !== false);
  checkCounts(alternative, { fewest: required.size, most: hasOthers ? Infinity : names.size });
  const long = [...names].find((name) => name.length > limits.nameCharacters);
  if (long !== undefined)
    throw unsupportedSchema(
      alternative[0]?.path ?? '',
      `names may have ${limits.nameCharacters} characters.`,
    );
  const speaking = schemas.filter((schema) => schema.properties.size > 0 || schema.others !== undefined);
  return {
    names,
    required,
    others: hasOthers ? others : undefined,
    conjunction: (name) => speaking.flatMap((schema) => schema.properties.get(name) ?? schema.others ?? []),
  };
}

/**
 * Members in their order, each of which may be left out unless it is required. Written from the last to the first, each time
 * with and without a comma before what follows.
 */
function memberList(
  members: readonly { readonly text: string; readonly isRequired: boolean }[],
  other: string | undefined,
  writer: RuleWriter,
): string {
  const comma = inOrder('","', writer.notation.space);
  let next = other === undefined ? '' : `( ${inOrder(comma, other)} )*`;
  let first = other === undefined ? '' : `( ${inOrder(other, next)} )?`;
  const asRule = (text: string): string => (text === '' ? '' : writer.add(text));
  for (const { text, isRequired } of members.toReversed()) {
    const [behind, instead] = [asRule(next), isRequired ? undefined : asRule(first)];
    const [withComma, alone] = [inOrder(comma, text, behind), inOrder(text, behind)];
    next = isRequired ? withComma : anyOf([withComma, behind]);
    first = instead === undefined ? alone : anyOf([alone, instead]);
  }
  return first;
}

/**
 * The name of a property that is none of those. It has no escapes: or one could be written in two ways, and a property
 * twice.
 */
export function otherName(
  names: ReadonlySet<string>,
  writer: RuleWriter,
  { characters, character, most, mayBeEmpty }: Omit<Notation['otherKey'], 'open' | 'close'>,
): string {
  const isWritable = (name: string): boolean =>
    Array.from(name).every((one) => contains(characters, one.codePointAt(0) ?? 0));
  const taken = [...names].filter(isWritable);
  if (!mayBeEmpty) taken.push('');
  return noneOf(taken, writer, { characters, tail: repeated(character, 0, most) });
}

/** Texts that are none of these: a tree of their characters, with a rule for each place in it. */
function noneOf(
  texts: readonly string[],
  writer: RuleWriter,
  all: { readonly characters: CodePoints; readonly tail: string },
): string {
  if (texts.length === 0) return all.tail;
  const branches = new Map<string, string[]>();
  for (const text of texts) {
    const [first = ''] = text;
    if (text === '') continue;
    const behind = branches.get(first);
    if (behind === undefined) branches.set(first, [text.slice(first.length)]);
    else behind.push(text.slice(first.length));
  }
  const options = texts.includes('') ? [] : [''];
  for (const [character, rest] of branches)
    options.push(inOrder(literal(character), noneOf(rest, writer, all)));
  const taken = [...branches.keys()].map((one) => one.codePointAt(0) ?? 0);
  const others = without(all.characters, codePoints(taken.map((point) => [point, point] as const)));
  if (others.length > 0) options.push(inOrder(characterClass(others), all.tail));
  return writer.add(anyOf(options));
}

function readObject(keywords: Keywords, path: string): ObjectSchema {
  const rest = keywords['additionalProperties'];
  const required = keywords['required'] ?? [];
  if (!Array.isArray(required) || !required.every((name) => typeof name === 'string'))
    throw invalidSchema(partOf(path, 'required'), 'this must be a list of names.');
  return {
    properties: keywords['properties'] === undefined ? new Map() : mapAt(keywords, 'properties', path),
    required,
    others: rest === undefined ? undefined : sourceAt(rest, partOf(path, 'additionalProperties')),
  };
}

function checkCounts(alternative: Alternative, count: { fewest: number; most: number }): void {
  for (const { keywords, path } of alternative) {
    const [least = 0, most = Infinity] = [
      countAt(keywords, 'minProperties', path),
      countAt(keywords, 'maxProperties', path),
    ];
    const why = 'properties are not counted. Name those that must be there in "required".';
    if (least > count.fewest) throw unsupportedSchema(partOf(path, 'minProperties'), why);
    if (most < count.most) throw unsupportedSchema(partOf(path, 'maxProperties'), why);
  }
}

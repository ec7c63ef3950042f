import { jsonTypes, typeOfKeyword, type JsonType } from './keywords.js';
import type { Alternative } from './schema-resolver.js';
import { invalidSchema, partOf } from './schema-source.js';

/** What the keywords of an alternative come to, but for those of single types. */
export interface MergedSchema {
  readonly types: ReadonlySet<JsonType>;
  /** Numbers must be whole. */
  readonly isInteger: boolean;
  /** The values that are allowed, as JSON; absent when there is no list of them. */
  readonly values?: readonly unknown[];
}

const knownTypes = new Set<unknown>([...jsonTypes, 'integer']);

/**
 * Merges `type`, `enum` and `const`. Without any of them the types are those that the other keywords are about, or all.
 * @throws HeddleError `invalid_parameter`
 */
export function mergeAlternative(alternative: Alternative): MergedSchema {
  let types = new Set<JsonType>(jsonTypes);
  let [isInteger, isTyped] = [false, false];
  let values: readonly unknown[] | undefined;
  for (const { keywords, path } of alternative) {
    if (keywords['type'] !== undefined) {
      const listed = typesAt(keywords['type'], partOf(path, 'type'));
      isTyped = true;
      isInteger ||= listed.has('integer') && !listed.has('number');
      types = new Set(
        [...types].filter((type) => listed.has(type) || (type === 'number' && listed.has('integer'))),
      );
    }
    for (const list of valueLists(keywords, path)) {
      const allowed = new Set(list.map(canonical));
      values = (values ?? list).filter((value) => allowed.has(canonical(value)));
    }
  }
  if (!isTyped && values === undefined) types = typesOfKeywords(alternative);
  return { types, isInteger, ...(values === undefined ? {} : { values: uniqueValues(values) }) };
}

/** JSON in one form: two values are equal exactly if this is. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value === 0 ? 0 : value);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`).join()}}`;
}

export function typeOf(value: unknown): JsonType {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value as JsonType;
}

function typesAt(type: unknown, path: string): Set<JsonType | 'integer'> {
  const list: unknown[] = Array.isArray(type) ? type : [type];
  const wrong = list.find((one) => !knownTypes.has(one));
  if (wrong === undefined && list.length > 0) return new Set(list as (JsonType | 'integer')[]);
  throw invalidSchema(path, "this must be one of JSON's types, or a list of them.");
}

function* valueLists(keywords: Record<string, unknown>, path: string): Generator<readonly unknown[]> {
  const list = keywords['enum'];
  if (list !== undefined) {
    if (!Array.isArray(list) || list.length === 0)
      throw invalidSchema(partOf(path, 'enum'), 'this must be a list with at least one value.');
    yield list;
  }
  if (Object.hasOwn(keywords, 'const') && keywords['const'] !== undefined) yield [keywords['const']];
}

function typesOfKeywords(alternative: Alternative): Set<JsonType> {
  const types = new Set<JsonType>();
  for (const { keywords } of alternative) {
    for (const keyword of Object.keys(keywords)) {
      const type = Object.hasOwn(typeOfKeyword, keyword) ? typeOfKeyword[keyword] : undefined;
      if (type !== undefined) types.add(type);
    }
  }
  return types.size === 0 ? new Set(jsonTypes) : types;
}

function uniqueValues(values: readonly unknown[]): unknown[] {
  return [...new Map(values.map((value) => [canonical(value), value])).values()];
}

import type { JsonType } from './keywords.js';
import { canonical, mergeAlternative, typeOf } from './merged-schema.js';
import type { Alternative } from './schema-resolver.js';
import { isObject, sourceAt, partOf, type SchemaSource } from './schema-source.js';

/** What tells values of one alternative from others. */
interface Marks {
  readonly types: ReadonlySet<JsonType>;
  readonly values: ReadonlySet<string> | undefined;
  /** Of properties that must be there. */
  readonly properties: ReadonlyMap<string, readonly SchemaSource[]>;
}

/**
 * No value satisfies both schemas, as their types, their values, or a required property show. False when that does not
 * show.
 * @param alternatives those of a schema
 */
export function areDisjoint(
  left: SchemaSource,
  right: SchemaSource,
  alternatives: (source: SchemaSource) => readonly Alternative[],
  depth = 3,
): boolean {
  const [ours, theirs] = [alternatives(left).map(marksOf), alternatives(right).map(marksOf)];
  const differ = (a: Marks, b: Marks): boolean => {
    if (![...a.types].some((type) => b.types.has(type))) return true;
    if (a.values !== undefined && b.values !== undefined) {
      const { values } = b;
      return ![...a.values].some((value) => values.has(value));
    }
    const onlyObjects = [a, b].some(({ types }) => types.size === 1 && types.has('object'));
    if (!onlyObjects || depth === 0) return false;
    return [...a.properties].some(([name, one]) => {
      const other = b.properties.get(name) ?? [];
      return one.some((x) => other.some((y) => areDisjoint(x, y, alternatives, depth - 1)));
    });
  };
  return ours.every((a) => theirs.every((b) => differ(a, b)));
}

function marksOf(alternative: Alternative): Marks {
  const merged = mergeAlternative(alternative);
  const isTyped = alternative.some(({ keywords }) => keywords['type'] !== undefined);
  const { values } = merged;
  const properties = new Map<string, SchemaSource[]>();
  for (const { keywords } of alternative) {
    const required = keywords['required'];
    if (!Array.isArray(required)) continue;
    for (const name of required as unknown[]) {
      if (typeof name !== 'string') continue;
      for (const { keywords: each, path } of alternative) {
        const all = each['properties'];
        if (!isObject(all) || !Object.hasOwn(all, name)) continue;
        const at = partOf(partOf(path, 'properties'), name);
        properties.set(name, [...(properties.get(name) ?? []), sourceAt(all[name], at)]);
      }
    }
  }
  // Where the types are only those that the keywords are about, values of other types satisfy the schema as well.
  const types =
    values === undefined && !isTyped
      ? allTypes
      : new Set(
          [...merged.types].filter(
            (type) => values === undefined || values.some((value) => typeOf(value) === type),
          ),
        );
  return { types, values: values === undefined ? undefined : new Set(values.map(canonical)), properties };
}

const allTypes: ReadonlySet<JsonType> = new Set<JsonType>([
  'null',
  'boolean',
  'number',
  'string',
  'array',
  'object',
]);

import type { JsonType } from './keywords.js';
import { canonical, mergeAlternative, typeOf } from './merged-schema.js';
import type { Alternative, DisjointCheck, WorkCounter } from './schema-resolver.js';
import { isObject, sourceAt, partOf, type SchemaSource } from './schema-source.js';

/** What tells values of one alternative from others. */
interface Marks {
  readonly types: ReadonlySet<JsonType>;
  readonly values: ReadonlySet<string> | undefined;
  /** Of properties that must be there. */
  readonly properties: ReadonlyMap<string, readonly SchemaSource[]>;
}

/** Types, values and required properties are looked at in schemas so deep in each other. */
const deepest = 3;

/**
 * No value satisfies both schemas, as their types, their values, or a required property show. False when that does not
 * show. What a schema is known by is found out once.
 */
export function disjointCheck(): DisjointCheck {
  const known = new Map<string, readonly Marks[]>();
  return (left, right, ask) => areDisjoint(left, right, { ...ask, known, depth: deepest });
}

interface Comparison {
  readonly alternatives: (source: SchemaSource) => readonly Alternative[];
  readonly work: WorkCounter;
  /** By the path of the schema. */
  readonly known: Map<string, readonly Marks[]>;
  readonly depth: number;
}

function areDisjoint(left: SchemaSource, right: SchemaSource, comparison: Comparison): boolean {
  const [ours, theirs] = [marksAt(left, comparison), marksAt(right, comparison)];
  return ours.every((a) => theirs.every((b) => differ(a, b, comparison)));
}

function marksAt(source: SchemaSource, { alternatives, known }: Comparison): readonly Marks[] {
  let marks = known.get(source.path);
  if (marks === undefined) {
    marks = alternatives(source).map(marksOf);
    known.set(source.path, marks);
  }
  return marks;
}

function differ(a: Marks, b: Marks, comparison: Comparison): boolean {
  const { work, depth } = comparison;
  work(1);
  if (![...a.types].some((type) => b.types.has(type))) return true;
  if (a.values !== undefined && b.values !== undefined) {
    const [few, many] = a.values.size <= b.values.size ? [a.values, b.values] : [b.values, a.values];
    work(few.size);
    return ![...few].some((value) => many.has(value));
  }
  const onlyObjects = [a, b].some(({ types }) => types.size === 1 && types.has('object'));
  if (!onlyObjects || depth === 0) return false;
  for (const [name, one] of a.properties) {
    work(1);
    const other = b.properties.get(name) ?? [];
    const deeper = { ...comparison, depth: depth - 1 };
    if (one.some((x) => other.some((y) => areDisjoint(x, y, deeper)))) return true;
  }
  return false;
}

function marksOf(alternative: Alternative): Marks {
  const merged = mergeAlternative(alternative);
  const isTyped = alternative.some(({ keywords }) => keywords['type'] !== undefined);
  const { values } = merged;
  const required = new Set(alternative.flatMap(({ keywords }) => namesAt(keywords['required'])));
  const properties = new Map<string, SchemaSource[]>();
  for (const { keywords, path } of alternative) {
    const all = keywords['properties'];
    if (!isObject(all)) continue;
    for (const [name, schema] of Object.entries(all)) {
      if (!required.has(name)) continue;
      const sources = properties.get(name) ?? [];
      sources.push(sourceAt(schema, partOf(partOf(path, 'properties'), name)));
      properties.set(name, sources);
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

function namesAt(required: unknown): string[] {
  return Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
}

const allTypes: ReadonlySet<JsonType> = new Set<JsonType>([
  'null',
  'boolean',
  'number',
  'string',
  'array',
  'object',
]);

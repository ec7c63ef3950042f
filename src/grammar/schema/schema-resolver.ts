import { limits } from '../limits.js';
import { checkKeywords } from './keywords.js';
import {
  invalidSchema,
  isObject,
  listAt,
  partOf,
  sourceAt,
  unsupportedSchema,
  type Conjunction,
  type Keywords,
  type SchemaSource,
} from './schema-source.js';

/** Keywords of one alternative, all of which a value must satisfy; without references and combinations. */
export type Alternative = readonly { readonly keywords: Keywords; readonly path: string }[];

/** Follows references, and writes combinations of schemas as alternatives. */
export class SchemaResolver {
  readonly #root: SchemaSource;
  readonly #checked = new Set<string>();
  readonly #areDisjoint: (left: SchemaSource, right: SchemaSource) => boolean;

  /**
   * @param areDisjoint no value satisfies both; needed of the schemas of a `oneOf`
   * @throws HeddleError `invalid_parameter` when the schema is too large or too deep
   */
  constructor(root: SchemaSource, areDisjoint: (left: SchemaSource, right: SchemaSource) => boolean) {
    this.#root = root;
    this.#areDisjoint = areDisjoint;
    checkSchemaSize(root.schema, root.path);
  }

  /**
   * A value satisfies the schemas together exactly if it satisfies one of the alternatives; none does when there are none.
   * @throws HeddleError `invalid_parameter` or `unsupported_schema`
   */
  alternatives(all: Conjunction): readonly Alternative[] {
    return this.#expand(all, new Set());
  }

  #expand(all: Conjunction, onTheWay: ReadonlySet<string>): Alternative[] {
    let found: Alternative[] = [[]];
    for (const source of all) {
      const own = this.#alternativesOf(source, onTheWay);
      if (found.length * own.length > limits.schemaAlternatives)
        throw unsupportedSchema(source.path, `it comes to more than ${limits.schemaAlternatives} cases.`);
      found = found.flatMap((one) => own.map((other) => [...one, ...other]));
    }
    return found;
  }

  #alternativesOf({ schema, path }: SchemaSource, onTheWay: ReadonlySet<string>): Alternative[] {
    if (typeof schema === 'boolean') return schema ? [[]] : [];
    if (onTheWay.has(path)) throw unsupportedSchema(path, 'it refers to itself with nothing in between.');
    if (onTheWay.size > limits.nesting) throw unsupportedSchema(path, 'it is nested too deeply.');
    this.#check(schema, path);
    const way = new Set(onTheWay).add(path);
    const parts: Alternative[][] = [[[{ keywords: schema, path }]]];
    if (schema['$ref'] !== undefined)
      parts.push(this.#alternativesOf(this.#resolve(schema['$ref'], partOf(path, '$ref')), way));
    if (schema['allOf'] !== undefined) parts.push(this.#expand(listAt(schema, 'allOf', path), way));
    for (const keyword of ['anyOf', 'oneOf']) {
      if (schema[keyword] === undefined) continue;
      const options = listAt(schema, keyword, path);
      if (keyword === 'oneOf') this.#checkDisjoint(options, partOf(path, keyword));
      parts.push(options.flatMap((option) => this.#alternativesOf(option, way)));
    }
    let found: Alternative[] = [[]];
    for (const part of parts) {
      if (found.length * part.length > limits.schemaAlternatives)
        throw unsupportedSchema(path, `it comes to more than ${limits.schemaAlternatives} cases.`);
      found = found.flatMap((one) => part.map((other) => [...one, ...other]));
    }
    return found;
  }

  #check(schema: Keywords, path: string): void {
    if (this.#checked.has(path)) return;
    checkKeywords(schema, path, path === this.#root.path);
    this.#checked.add(path);
  }

  #checkDisjoint(options: readonly SchemaSource[], path: string): void {
    for (const [index, left] of options.entries()) {
      for (const right of options.slice(index + 1)) {
        if (this.#areDisjoint(left, right)) continue;
        throw unsupportedSchema(
          path,
          'that a value satisfies exactly one of the schemas can not be seen from their types, their "const" or "enum", or a required property that tells them apart. Write "anyOf".',
        );
      }
    }
  }

  #resolve(reference: unknown, at: string): SchemaSource {
    if (typeof reference !== 'string') throw invalidSchema(at, 'this must be a text.');
    if (!/^#(\/|$)/.test(reference))
      throw unsupportedSchema(at, 'only parts of the schema itself can be referred to, as "#/$defs/name".');
    let { schema, path }: { schema: unknown; path: string } = this.#root;
    for (const encoded of reference.split('/').slice(1)) {
      const part = decode(encoded, at);
      const isIndex = Array.isArray(schema) && /^\d+$/.test(part);
      const key = isIndex ? Number(part) : part;
      const next: unknown =
        Array.isArray(schema) || (isObject(schema) && Object.hasOwn(schema, part))
          ? (schema as Readonly<Record<string | number, unknown>>)[key]
          : undefined;
      if (next === undefined) throw invalidSchema(at, `the schema has nothing at ${reference}.`);
      [schema, path] = [next, partOf(path, key)];
    }
    return sourceAt(schema, path);
  }
}

/** A part of a JSON pointer in a fragment (RFC 6901). */
function decode(part: string, at: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    throw invalidSchema(at, 'this is no reference: a "%" in it is not followed by two digits.');
  }
}

/** @throws HeddleError `invalid_parameter` when a schema is larger or deeper than others need to know it can be */
export function checkSchemaSize(schema: unknown, path: string): void {
  const todo: { value: unknown; depth: number }[] = [{ value: schema, depth: 0 }];
  let nodes = 0;
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (typeof next.value !== 'object' || next.value === null) continue;
    const { depth } = next;
    if (depth > limits.schemaDepth)
      throw invalidSchema(path, `a schema may be nested ${limits.schemaDepth} deep.`);
    const values = Object.values(next.value);
    nodes += values.length;
    if (nodes > limits.schemaNodes)
      throw invalidSchema(path, `a schema may have ${limits.schemaNodes} keywords and values.`);
    for (const value of values) todo.push({ value, depth: depth + 1 });
  }
}

import type { HeddleError } from '../../core/errors.js';
import { limits } from '../limits.js';
import { checkKeywords, withoutRepetition } from './keywords.js';
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

/** The same while it is put together: its keywords by their paths. */
type Parts = Map<string, Alternative[number]>;

/** Says of two schemas that no value satisfies both, with the alternatives of schemas that it asks for. */
export type DisjointCheck = (
  left: SchemaSource,
  right: SchemaSource,
  ask: {
    readonly alternatives: (source: SchemaSource) => readonly Alternative[];
    readonly work: WorkCounter;
  },
) => boolean;

/** Counts work. @throws HeddleError `unsupported_schema` beyond the limit of a schema */
export type WorkCounter = (amount: number) => void;

/**
 * What a schema may take altogether, so that a small one that refers to itself in many ways is no burden: keywords that are
 * put together, written or compared. Some tenths of a second.
 */
const mostWork = 500_000;

/** A path counts once more for each so many of its characters: it is read wherever it stands. */
const pathPart = 256;

/** Characters of a path: names in it may be as long as a request. */
const longestPath = 16_384;

/** As many characters of a value count as one keyword. */
const textPart = 8;

/** Follows references, and writes combinations of schemas as alternatives. */
export class SchemaResolver {
  readonly #root: SchemaSource;
  readonly #areDisjoint: DisjointCheck;
  /** By the path of the schema. */
  readonly #known = new Map<string, readonly Alternative[]>();
  readonly #sizes = new WeakMap<Alternative[number], { readonly own: number; readonly names: number }>();
  /** Those of every `oneOf` that was found, which are still to be compared. */
  readonly #uncompared: { readonly options: readonly SchemaSource[]; readonly path: string }[] = [];
  #work = 0;

  /**
   * @param areDisjoint needed of the schemas of a `oneOf`
   * @throws HeddleError `invalid_parameter` when the schema is too large or too deep
   */
  constructor(root: SchemaSource, areDisjoint: DisjointCheck) {
    this.#root = root;
    this.#areDisjoint = areDisjoint;
    checkSchemaSize(root.schema, root.path);
  }

  /** What was done so far, in keywords. */
  get work(): number {
    return this.#work;
  }

  /**
   * A value satisfies the schemas together exactly if it satisfies one of the alternatives; none does when there are none.
   * @throws HeddleError `invalid_parameter` or `unsupported_schema`
   */
  alternatives(all: Conjunction): readonly Alternative[] {
    const found = this.#expand(all);
    // Comparing asks for the alternatives of other schemas, which may have a "oneOf", and so on: not one inside the other.
    for (let next = this.#uncompared.pop(); next !== undefined; next = this.#uncompared.pop())
      this.#compare(next.options, next.path);
    return found;
  }

  #expand(all: Conjunction): readonly Alternative[] {
    const found = this.#combined(all, new Set());
    for (const alternative of found) this.#spend(this.#sizeOf(alternative));
    return found;
  }

  /** @param onTheWay paths of the schemas that these are part of; left as it was */
  #combined(all: Conjunction, onTheWay: Set<string>): readonly Alternative[] {
    let found: Parts[] = [new Map()];
    for (const source of new Map(all.map((one) => [one.path, one])).values())
      found = this.#joined(found, this.#alternativesOf(source, onTheWay), source.path);
    return found.map((parts) => [...parts.values()]);
  }

  /** Each of the one with each of the other; what they share is in it once. */
  #joined(found: Parts[], more: readonly Alternative[], path: string): Parts[] {
    if (found.length * more.length > limits.schemaAlternatives) throw tooManyCases(path);
    return found.flatMap((one) =>
      more.map((other) => {
        // A copy only where there are several.
        const parts = more.length === 1 ? one : new Map(one);
        this.#spend(other.length + (parts === one ? 0 : one.size));
        for (const part of other) if (!parts.has(part.path)) parts.set(part.path, part);
        return parts;
      }),
    );
  }

  #alternativesOf(source: SchemaSource, onTheWay: Set<string>): readonly Alternative[] {
    const { schema, path } = source;
    this.#spend(1 + Math.floor(path.length / pathPart));
    if (path.length - this.#root.path.length > longestPath)
      throw unsupportedSchema(this.#root.path, 'names that stand before a schema in it are too long.');
    if (typeof schema === 'boolean') return schema ? [[]] : [];
    if (onTheWay.has(path)) throw unsupportedSchema(path, 'it refers to itself with nothing in between.');
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    if (onTheWay.size > limits.nesting) throw unsupportedSchema(path, 'it is nested too deeply.');
    checkKeywords(schema, path, path === this.#root.path);
    onTheWay.add(path);
    let found: Parts[] = [new Map([[path, { keywords: withoutRepetition(schema), path }]])];
    if (schema['$ref'] !== undefined) {
      const referred = this.#resolve(schema['$ref'], partOf(path, '$ref'));
      found = this.#joined(found, this.#alternativesOf(referred, onTheWay), path);
    }
    if (schema['allOf'] !== undefined)
      found = this.#joined(found, this.#combined(listAt(schema, 'allOf', path), onTheWay), path);
    for (const keyword of ['anyOf', 'oneOf']) {
      if (schema[keyword] === undefined) continue;
      found = this.#joined(
        found,
        this.#oneOfThem(listAt(schema, keyword, path), keyword, path, onTheWay),
        path,
      );
    }
    onTheWay.delete(path);
    const alternatives = found.map((parts) => [...parts.values()]);
    this.#known.set(path, alternatives);
    return alternatives;
  }

  #oneOfThem(
    options: readonly SchemaSource[],
    keyword: string,
    path: string,
    onTheWay: Set<string>,
  ): readonly Alternative[] {
    const found: Alternative[] = [];
    const possible: SchemaSource[] = [];
    for (const option of options) {
      const own = this.#alternativesOf(option, onTheWay);
      if (found.length + own.length > limits.schemaAlternatives) throw tooManyCases(path);
      found.push(...own);
      if (own.length > 0) possible.push(option);
    }
    if (keyword === 'oneOf') this.#uncompared.push({ options: possible, path: partOf(path, keyword) });
    return found;
  }

  /** @throws HeddleError `unsupported_schema` unless each is disjoint from each */
  #compare(options: readonly SchemaSource[], path: string): void {
    const ask = {
      alternatives: (source: SchemaSource) => this.#expand([source]),
      work: (amount: number) => {
        this.#spend(amount);
      },
    };
    for (const [index, left] of options.entries()) {
      for (const right of options.slice(index + 1)) {
        if (this.#areDisjoint(left, right, ask)) continue;
        throw unsupportedSchema(
          path,
          'that a value satisfies exactly one of the schemas can not be seen from their types, their "const" or "enum", or a required property that tells them apart. Write "anyOf".',
        );
      }
    }
  }

  #spend(amount: number): void {
    this.#work += amount;
    if (this.#work > mostWork)
      throw unsupportedSchema(
        this.#root.path,
        'with all that it refers to and combines, the schema is too much to be read.',
      );
  }

  /** What it takes to write an alternative: all that it says, and what its parts may say of each name and place. */
  #sizeOf(alternative: Alternative): number {
    let [size, names, parts] = [1, 0, 0];
    for (const part of alternative) {
      const { keywords, path } = part;
      let known = this.#sizes.get(part);
      if (known === undefined) {
        const own = sizeOfKeywords(keywords) * (1 + Math.floor(path.length / pathPart));
        const { properties, required, prefixItems } = keywords;
        known = { own, names: countOf(properties) + countOf(required) + countOf(prefixItems) };
        this.#sizes.set(part, known);
      }
      size += known.own;
      names += known.names;
      if (ofParts.some((keyword) => keywords[keyword] !== undefined)) parts++;
    }
    return size + names * parts;
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

function tooManyCases(path: string): HeddleError {
  return unsupportedSchema(path, `it comes to more than ${limits.schemaAlternatives} cases.`);
}

/** Keywords with schemas of what is in a value. */
const ofParts = ['properties', 'additionalProperties', 'items', 'prefixItems'];

/** How many keywords, values and names there are; of values, all that is in them. */
function sizeOfKeywords(keywords: Keywords): number {
  const todo: unknown[] = [keywords['enum'], keywords['const']];
  let size = 1;
  for (const value of Object.values(keywords)) size += 1 + countOf(value);
  while (todo.length > 0) {
    const next = todo.pop();
    if (typeof next === 'string') size += Math.floor(next.length / textPart);
    if (typeof next !== 'object' || next === null) continue;
    for (const [name, value] of Object.entries(next)) {
      size += 1 + Math.floor(name.length / textPart);
      todo.push(value);
    }
  }
  return size;
}

/** Of a list or an object, what is in it. */
function countOf(value: unknown): number {
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
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

import { HeddleError } from '../../core/errors.js';

/** A schema that is an object: its keywords. */
export type Keywords = Readonly<Record<string, unknown>>;

/** A schema, and where it stands in the request. */
export interface SchemaSource {
  readonly schema: boolean | Keywords;
  /** Such as `response_format.json_schema.schema.properties.a`. */
  readonly path: string;
}

/** Schemas that a value must satisfy all together. */
export type Conjunction = readonly SchemaSource[];

/** The schema is no schema. */
export function invalidSchema(path: string, message: string): HeddleError {
  return new HeddleError('invalid_parameter', `"${path}": ${message}`, { param: path });
}

/** The schema may be right, but output can not be held to it. */
export function unsupportedSchema(path: string, message: string): HeddleError {
  return new HeddleError('unsupported_schema', `"${path}" can not be enforced: ${message}`, { param: path });
}

/** The path of a part: `.name`, `["other name"]` or `[0]`. */
export function partOf(path: string, part: string | number): string {
  if (typeof part === 'number') return `${path}[${part}]`;
  return /^[\p{L}\p{N}_$-]+$/u.test(part) ? `${path}.${part}` : `${path}[${JSON.stringify(part)}]`;
}

/** @throws HeddleError `invalid_parameter` when a value is no schema */
export function sourceAt(schema: unknown, path: string): SchemaSource {
  if (typeof schema === 'boolean' || isObject(schema)) return { schema, path };
  throw invalidSchema(path, 'a schema must be an object, true or false.');
}

/** The schemas of a keyword that is a list of them. */
export function listAt(keywords: Keywords, keyword: string, path: string): SchemaSource[] {
  const list = keywords[keyword];
  const at = partOf(path, keyword);
  if (!Array.isArray(list) || list.length === 0) throw invalidSchema(at, 'this must be a list of schemas.');
  return list.map((schema, index) => sourceAt(schema, partOf(at, index)));
}

/** The schemas of a keyword that has them by name. */
export function mapAt(keywords: Keywords, keyword: string, path: string): Map<string, SchemaSource> {
  const map = keywords[keyword];
  const at = partOf(path, keyword);
  if (!isObject(map)) throw invalidSchema(at, 'this must be an object with a schema for each name.');
  return new Map(Object.entries(map).map(([name, schema]) => [name, sourceAt(schema, partOf(at, name))]));
}

export function isObject(value: unknown): value is Keywords {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

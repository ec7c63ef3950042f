import { invalidSchema, partOf, unsupportedSchema, type Keywords } from './schema-source.js';

/** They say something about a schema, and nothing about values. */
const annotations = new Set([
  '$schema',
  '$comment',
  'title',
  'description',
  'default',
  'example',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  'discriminator',
]);

/** Definitions that are enforced where something refers to them. */
const containers = new Set(['$defs', 'definitions']);

const combining = new Set(['$ref', 'allOf', 'anyOf', 'oneOf', 'type', 'enum', 'const']);

/** Keywords of values of one type: values of others satisfy them. */
export const typeOfKeyword: Readonly<Record<string, JsonType>> = {
  minimum: 'number',
  maximum: 'number',
  exclusiveMinimum: 'number',
  exclusiveMaximum: 'number',
  minLength: 'string',
  maxLength: 'string',
  pattern: 'string',
  format: 'string',
  items: 'array',
  prefixItems: 'array',
  minItems: 'array',
  maxItems: 'array',
  uniqueItems: 'array',
  properties: 'object',
  required: 'object',
  additionalProperties: 'object',
  propertyNames: 'object',
  minProperties: 'object',
  maxProperties: 'object',
};

/** The types of JSON; whole numbers are numbers. */
export type JsonType = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

export const jsonTypes: readonly JsonType[] = ['object', 'array', 'string', 'number', 'boolean', 'null'];

/** Keywords that are known, and why they are refused. */
const refused = new Map<string, string>([
  ['multipleOf', 'which numbers are multiples can not be seen from their digits.'],
  ['not', 'there is no grammar of all other values.'],
  ['if', 'conditions are not supported; write the cases as "anyOf".'],
  ['then', 'conditions are not supported; write the cases as "anyOf".'],
  ['else', 'conditions are not supported; write the cases as "anyOf".'],
  ['contains', 'what a list contains is not supported.'],
  ['minContains', 'what a list contains is not supported.'],
  ['maxContains', 'what a list contains is not supported.'],
  ['patternProperties', 'name the properties in "properties", or allow all with "additionalProperties".'],
  ['propertyNames', 'name the properties in "properties", or allow all with "additionalProperties".'],
  ['dependentRequired', 'write the cases as "anyOf".'],
  ['dependentSchemas', 'write the cases as "anyOf".'],
  ['dependencies', 'write the cases as "anyOf".'],
  ['unevaluatedProperties', 'write "additionalProperties" where the properties are.'],
  ['unevaluatedItems', 'write "items" where "prefixItems" is.'],
  ['additionalItems', 'write "prefixItems" and "items".'],
  ['nullable', 'write "null" as one of the types.'],
  ['$anchor', 'write references as "#/$defs/...".'],
  ['$dynamicRef', 'write references as "#/$defs/...".'],
  ['$dynamicAnchor', 'write references as "#/$defs/...".'],
  ['$recursiveRef', 'write references as "#/$defs/...".'],
]);

/**
 * Refuses what can not be enforced.
 * @param isRoot where `$id` changes the meaning of nothing
 * @throws HeddleError `unsupported_schema` with the path of the keyword
 */
export function checkKeywords(keywords: Keywords, path: string, isRoot: boolean): void {
  for (const [keyword, value] of Object.entries(keywords)) {
    if (keyword === 'propertyNames' && !allowsAllNames(value))
      throw unsupportedSchema(partOf(path, keyword), refused.get(keyword) ?? '');
    if (annotations.has(keyword) || containers.has(keyword) || combining.has(keyword)) continue;
    if (Object.hasOwn(typeOfKeyword, keyword) || keyword.startsWith('x-') || value === undefined) continue;
    if (keyword === '$id' && isRoot) continue;
    throw unsupportedSchema(partOf(path, keyword), refused.get(keyword) ?? 'the keyword is not known.');
  }
}

/** A schema that every text satisfies, as those of z.record() are. */
function allowsAllNames(schema: unknown): boolean {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return schema === true;
  return Object.entries(schema).every(([keyword, value]: [string, unknown]) => {
    if (keyword === 'type') return value === 'string' || (Array.isArray(value) && value.includes('string'));
    return annotations.has(keyword);
  });
}

/** Formats that draft 2020-12 defines. To validators every other is a remark. */
const definedFormats = new Set<unknown>([
  'date-time',
  'date',
  'time',
  'duration',
  'email',
  'idn-email',
  'hostname',
  'idn-hostname',
  'ipv4',
  'ipv6',
  'uri',
  'uri-reference',
  'iri',
  'iri-reference',
  'uuid',
  'uri-template',
  'json-pointer',
  'relative-json-pointer',
  'regex',
]);

/** Patterns that are beside a format, say no more than it, and can not be read: zod's. */
const patternsOfFormats: Readonly<Record<string, string>> = {
  duration:
    '^P(?:(\\d+W)|(?!.*W)(?=\\d|T\\d)(\\d+Y)?(\\d+M)?(\\d+D)?(T(?=\\d)(\\d+H)?(\\d+M)?(\\d+([.,]\\d+)?S)?)?)$',
};

/** Without a `format` that only names what a `pattern` beside it says, and the other way round. */
export function withoutRepetition(keywords: Keywords): Keywords {
  const { format, pattern, ...others } = keywords;
  if (typeof format !== 'string' || typeof pattern !== 'string') return keywords;
  if (!definedFormats.has(format)) return { ...others, pattern };
  const isSaid = Object.hasOwn(patternsOfFormats, format) && patternsOfFormats[format] === pattern;
  return isSaid ? { ...others, format } : keywords;
}

/** @throws HeddleError `invalid_parameter` when it is there and no count */
export function countAt(keywords: Keywords, keyword: string, path: string): number | undefined {
  const value = numberAt(keywords, keyword, path);
  if (value === undefined || (Number.isInteger(value) && value >= 0)) return value;
  throw invalidSchema(partOf(path, keyword), 'this must be a whole number, 0 or more.');
}

/** @throws HeddleError `invalid_parameter` when it is there and no number */
export function numberAt(keywords: Keywords, keyword: string, path: string): number | undefined {
  const value = keywords[keyword];
  if (value === undefined || (typeof value === 'number' && Number.isFinite(value))) return value;
  throw invalidSchema(partOf(path, keyword), 'this must be a number.');
}

/** @throws HeddleError `invalid_parameter` when it is there and no text */
export function textAt(keywords: Keywords, keyword: string, path: string): string | undefined {
  const value = keywords[keyword];
  if (value === undefined || typeof value === 'string') return value;
  throw invalidSchema(partOf(path, keyword), 'this must be a text.');
}

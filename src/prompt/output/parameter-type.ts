import type { JsonSchema, ToolDefinition } from './tool-definition.js';

/** JSON's types, as schemas name them. */
const allTypes = ['string', 'number', 'integer', 'boolean', 'null', 'object', 'array'] as const;
type TypeName = (typeof allTypes)[number];

/** Schemas in each other, references included. */
const deepest = 100;

type Types = ReadonlySet<TypeName>;

/** What the schemas in a tool's came to, by themselves. While one is read, it says nothing of itself. */
const known = new WeakMap<JsonSchema, WeakMap<JsonSchema, Types>>();

/**
 * The types that a parameter of a tool may have, as far as its schema says; all where it says nothing. Each schema in it is
 * read once.
 * @param name of the parameter
 */
export function parameterTypes(tool: ToolDefinition | undefined, name: string): Types {
  const root = tool?.parameters ?? {};
  const { properties } = root;
  const own = isSchema(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
  return typesOf(own ?? root['additionalProperties'], root, 0);
}

function typesOf(schema: unknown, root: JsonSchema, depth: number): Types {
  if (!isSchema(schema) || depth > deepest) return new Set(allTypes);
  const ofRoot = known.get(root) ?? new WeakMap<JsonSchema, Types>();
  known.set(root, ofRoot);
  const before = ofRoot.get(schema);
  if (before !== undefined) return before;
  ofRoot.set(schema, new Set(allTypes));
  const types = typesSaid(schema, root, depth);
  ofRoot.set(schema, types);
  return types;
}

function typesSaid(schema: JsonSchema, root: JsonSchema, depth: number): Types {
  const { type, $ref, anyOf, oneOf, allOf, enum: values, const: value } = schema;
  const named = new Set(
    allTypes.filter((each) => (Array.isArray(type) ? type.includes(each) : type === each)),
  );
  if (named.size > 0) return named;
  if (typeof $ref === 'string') return typesOf(resolve($ref, root), root, depth + 1);
  const either = [anyOf, oneOf].find((one) => Array.isArray(one)) as unknown[] | undefined;
  if (either !== undefined) {
    const found = new Set<TypeName>();
    for (const one of either) for (const each of typesOf(one, root, depth + 1)) found.add(each);
    return found;
  }
  if (Array.isArray(allOf)) {
    const each = allOf.map((one) => typesOf(one, root, depth + 1));
    return new Set(allTypes.filter((name) => each.every((types) => types.has(name))));
  }
  if (Array.isArray(values)) return new Set(values.map(typeOf));
  return value === undefined ? new Set(allTypes) : new Set([typeOf(value)]);
}

/** What `#/$defs/name` and the like refer to. */
function resolve(reference: string, root: JsonSchema): unknown {
  if (!reference.startsWith('#')) return undefined;
  const path = reference.slice(1).split('/').slice(1);
  return path.reduce<unknown>((value, part) => {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    return isSchema(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }, root);
}

/** The type of a JSON value; of a whole number, the narrower one. */
export function typeOf(value: unknown): TypeName {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  if (typeof value === 'boolean' || typeof value === 'string') return typeof value as TypeName;
  return 'object';
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

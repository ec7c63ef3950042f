import { z } from 'zod';
import { inputFormOf } from '../input-forms.js';

/** A JSON schema (2020-12, as OpenAPI 3.1 has them), as far as the document uses it. */
export interface JsonSchema {
  $ref?: string;
  type?: string | readonly string[];
  title?: string;
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  propertyNames?: JsonSchema;
  items?: JsonSchema | boolean;
  prefixItems?: JsonSchema[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  not?: JsonSchema;
  enum?: readonly unknown[];
  const?: unknown;
  default?: unknown;
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  /** What a check of the code demands, in words. */
  rules?: readonly string[];
  [keyword: string]: unknown;
}

/**
 * What a schema takes, as a JSON schema. What zod knows of it is all there; what it does not know, the code of checks and
 * changes, must be told, and is never just left out: the message of a `refine` is a rule of the schema, a `superRefine`
 * brings its rules as metadata (`.meta({ rules: [...] })`), and what a `preprocess` takes is said by `withInputForm`.
 * @param place where the schema will stand in its document, for references to itself; such as `#/components/schemas/Chat`
 * @throws Error for a schema that does not tell it: a mistake in the code
 */
export function toJsonSchema(schema: z.ZodType, place = '#'): JsonSchema {
  const checks = new Map<object, boolean>();
  const made = z.toJSONSchema(schema, {
    io: 'input',
    // Those are looked at here.
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => complete(zodSchema, jsonSchema as JsonSchema, checks),
  }) as JsonSchema;
  if ([...checks.values()].includes(false))
    throw new Error('A schema has a check whose rules are not told: add .meta({ rules: [...] }).');
  delete made['$schema'];
  return place === '#' ? made : relocated(made, place);
}

/** @param checks those of the code so far, and whether they are told */
function complete(schema: z.core.$ZodTypes, made: JsonSchema, checks: Map<object, boolean>): void {
  const form = inputFormOf(schema);
  if (form !== undefined) replace(made, toJsonSchema(form.accepts));
  else if (isOpaque(schema))
    throw new Error('A schema changes its input, and does not say what it takes (withInputForm).');
  tellRules(schema, made, checks);
  if (made.prefixItems?.length === 0) delete made.prefixItems;
  // The format says it, and better.
  if (made.format === 'date-time') delete made.pattern;
}

/** Types that JSON schema has nothing for. */
const unknownTypes: ReadonlySet<string> = new Set([
  'bigint',
  'custom',
  'date',
  'map',
  'nan',
  'set',
  'symbol',
  'transform',
  'undefined',
  'void',
]);

/** What comes in is made another by code, and checked after that; or code alone knows what may come. */
function isOpaque({ _zod: { def } }: z.core.$ZodTypes): boolean {
  if (unknownTypes.has(def.type)) return true;
  if (def.type !== 'pipe') return false;
  const kindOf = ({ _zod: { def: inner } }: z.core.$ZodType): string => inner.type;
  return kindOf(def.in) === 'transform' || kindOf(def.out) !== 'transform';
}

/** Adds what code demands to the rules. A check that says nothing is left for a clone of its schema, which can. */
function tellRules(schema: z.core.$ZodTypes, made: JsonSchema, checks: Map<object, boolean>): void {
  const told = made.rules ?? [];
  const messages: string[] = [];
  const {
    _zod: { def },
  } = schema;
  for (const check of def.checks ?? []) {
    const {
      _zod: {
        def: { check: kind, error: errorOf },
      },
    } = check;
    if (kind !== 'custom') continue;
    const error = errorOf as z.core.$ZodErrorMap | undefined;
    const said = error?.({ code: 'custom', input: undefined, path: [] });
    const message = typeof said === 'string' ? said : said?.message;
    if (message !== undefined) messages.push(sentence(message));
    const isTold = message !== undefined || told.length > 0;
    checks.set(check, isTold || checks.get(check) === true);
  }
  const rules = [...new Set([...told, ...messages])];
  if (rules.length > 0) made.rules = rules;
}

/** Such as `It must be at least n.` */
function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function replace(made: JsonSchema, by: JsonSchema): void {
  for (const keyword of Object.keys(made)) delete made[keyword];
  Object.assign(made, by);
}

/** The schemas directly in a schema. */
export function partsOf(schema: JsonSchema): readonly JsonSchema[] {
  const { properties = {}, items, additionalProperties, propertyNames, not } = schema;
  const single = [items, additionalProperties, propertyNames, not];
  const lists = [schema.anyOf, schema.oneOf, schema.allOf, schema.prefixItems, Object.values(properties)];
  return [
    ...single.flatMap((part) => (typeof part === 'object' ? [part] : [])),
    ...lists.flatMap((parts) => parts ?? []),
  ];
}

/** Lets all properties that need not be there be null, at every depth. */
export function acceptNulls(schema: JsonSchema): void {
  for (const part of partsOf(schema)) acceptNulls(part);
  const { properties = {}, required = [] } = schema;
  for (const [name, property] of Object.entries(properties))
    if (!required.includes(name)) properties[name] = orNull(property);
}

function orNull(schema: JsonSchema): JsonSchema {
  const { type, anyOf, oneOf, not, description, default: usual, rules, ...rest } = schema;
  const said = {
    ...(description === undefined ? {} : { description }),
    ...(usual === undefined ? {} : { default: usual }),
    ...(rules === undefined ? {} : { rules }),
  };
  if (not !== undefined && Object.keys(not).length === 0) return { ...said, type: 'null' };
  if (anyOf !== undefined) {
    const hasNull = anyOf.some((one) => one.type === 'null');
    return hasNull ? schema : { ...schema, anyOf: [...anyOf, { type: 'null' }] };
  }
  if (oneOf !== undefined) return { ...said, anyOf: [{ ...rest, oneOf }, { type: 'null' }] };
  if (type === undefined) return schema;
  const types = typeof type === 'string' ? [type] : type;
  if (types.includes('null')) return schema;
  const { enum: values, const: only, ...others } = rest;
  if (only !== undefined) return { ...said, ...others, enum: [only, null] };
  return {
    ...said,
    ...others,
    type: [...types, 'null'],
    ...(values === undefined ? {} : { enum: [...values, null] }),
  };
}

/** References of a schema to itself, which begin at its root. */
function relocated(schema: JsonSchema, place: string): JsonSchema {
  return JSON.parse(JSON.stringify(schema), (key, value: unknown) =>
    key === '$ref' && typeof value === 'string' && value.startsWith('#') ? place + value.slice(1) : value,
  ) as JsonSchema;
}

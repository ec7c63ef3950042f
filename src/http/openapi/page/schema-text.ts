import type { JsonSchema } from '../json-schema.js';

/** What zod says of every integer: nobody wants to read it. */
const safest = Number.MAX_SAFE_INTEGER;

/** A schema's kind in words, such as `string or array of objects`. That it may be null is not said: then it is not sent. */
export function typeText(schema: JsonSchema): string {
  const parts = schema.anyOf ?? schema.oneOf;
  if (parts !== undefined) {
    const texts = parts.filter((part) => part.type !== 'null').map(typeText);
    return [...new Set(texts)].join(' or ') || 'null';
  }
  const types = [schema.type ?? []].flat().filter((type) => type !== 'null');
  if (types.length > 0)
    return types.map((type) => (type === 'array' ? arrayText(schema) : type)).join(' or ');
  if (schema.type === 'null') return 'null';
  if ('const' in schema) return typeof schema.const;
  const values = (schema.enum ?? []).filter((value) => value !== null);
  if (values.length === 0) return schema.enum === undefined ? 'any' : 'null';
  return [...new Set(values.map(kindOf))].join(' or ');
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value;
}

function arrayText({ items }: JsonSchema): string {
  if (typeof items !== 'object') return 'array';
  const text = typeText(items);
  return text === 'any' ? 'array' : `array of ${text.includes(' or ') ? `(${text})` : text}`;
}

/** What holds of the values beside their kind, such as `1 to 128` or `"auto", "none"`; of a union, of all its parts. */
export function boundsText(schema: JsonSchema): string {
  const texts = boundsOf(schema);
  return [...new Set(texts)].join('; ');
}

function boundsOf(schema: JsonSchema): string[] {
  const parts = schema.anyOf ?? schema.oneOf ?? [];
  const own: string[] = [];
  if ('const' in schema) own.push(JSON.stringify(schema.const));
  const values = schema.enum?.filter((value) => value !== null) ?? [];
  if (values.length > 0) own.push(values.map((value) => JSON.stringify(value)).join(', '));
  own.push(...numberText(schema), ...countText(schema, 'Length', 'characters'));
  own.push(...countText(schema, 'Items', 'items'));
  if (schema.format !== undefined) own.push(schema.format);
  if (schema.pattern !== undefined) own.push(`as ${schema.pattern}`);
  if (schema.propertyNames?.pattern !== undefined) own.push(`keys as ${schema.propertyNames.pattern}`);
  const { additionalProperties: others } = schema;
  if (typeof others === 'object') own.push(...boundsOf(others).map((text) => `values ${text}`));
  if (typeof schema.items === 'object' && schema.items.properties === undefined)
    own.push(...boundsOf(schema.items).map((text) => `each ${text}`));
  const ofParts = parts.filter((part) => part.properties === undefined).flatMap(boundsOf);
  return [...own, ...ofParts];
}

function numberText(schema: JsonSchema): string[] {
  const least = schema.minimum === -safest ? undefined : schema.minimum;
  const most = schema.maximum === safest ? undefined : schema.maximum;
  const { exclusiveMinimum: above, exclusiveMaximum: below } = schema;
  if (least !== undefined && most !== undefined) return [`${least} to ${most}`];
  return [
    ...(least === undefined ? [] : [`${least} or more`]),
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(most === undefined ? [] : [`up to ${most}`]),
    ...(below === undefined ? [] : [`below ${below}`]),
  ];
}

function countText(schema: JsonSchema, keyword: 'Length' | 'Items', unit: string): string[] {
  const least = schema[`min${keyword}`];
  const most = schema[`max${keyword}`];
  if (least === undefined && most === undefined) return [];
  if (most === undefined) return least === 1 ? ['not empty'] : [`${String(least)} ${unit} or more`];
  if (most === 0) return ['empty'];
  return [
    least === undefined ? `up to ${String(most)} ${unit}` : `${String(least)} to ${String(most)} ${unit}`,
  ];
}

/** An object that a value can be, or can have in it. */
export interface Fields {
  /** What tells it from the others, such as `type: "text"`; empty where it is the only one. */
  readonly name: string;
  readonly schema: JsonSchema;
}

/** The objects with fields that a schema is about: itself, or those of its parts, items and values. */
export function fieldsOf(schema: JsonSchema): readonly Fields[] {
  const found = objectsOf(schema);
  if (found.length < 2) return found.map((one) => ({ name: '', schema: one }));
  return found.map((one) => ({ name: distinction(one), schema: one }));
}

function objectsOf(schema: JsonSchema): JsonSchema[] {
  const { properties = {}, items, additionalProperties: others } = schema;
  if (Object.keys(properties).length > 0) return [schema];
  const parts = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.prefixItems ?? [])];
  if (typeof items === 'object') parts.push(items);
  if (typeof others === 'object') parts.push(others);
  return parts.flatMap(objectsOf);
}

/** The field that has one value in this object. */
function distinction({ properties = {}, title }: JsonSchema): string {
  const names = ['role', 'type', ...Object.keys(properties)];
  const name = names.find((each) => {
    const property = properties[each];
    return property !== undefined && ('const' in property || property.enum !== undefined);
  });
  const property = name === undefined ? undefined : properties[name];
  if (name === undefined || property === undefined) return title ?? 'object';
  const values = 'const' in property ? [property.const] : (property.enum ?? []);
  return `${name}: ${values
    .filter((value) => value !== null)
    .map((value) => JSON.stringify(value))
    .join(', ')}`;
}

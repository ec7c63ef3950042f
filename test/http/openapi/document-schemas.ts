import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { buildDocument, type MediaType, type OperationObject } from '../../../src/http/openapi/document.js';
import type { JsonSchema } from '../../../src/http/openapi/json-schema.js';

export const document = buildDocument();

/** An operation, with where it is. */
export interface PlacedOperation {
  readonly method: string;
  /** With parameters such as `{id}`. */
  readonly path: string;
  readonly operation: OperationObject;
}

export const allOperations: readonly PlacedOperation[] = Object.entries(document.paths).flatMap(
  ([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
);

/** Validates as the document says: its schemas, by their references. */
export function newValidator(): Ajv2020 {
  const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: false });
  formats.default(ajv);
  ajv.addKeyword('x-unsupported');
  ajv.addVocabulary(['components']);
  ajv.addSchema({ $id: 'document', components: document.components }, 'document', false, false);
  return ajv;
}

const ajv = newValidator();
const known = new Map<string, ValidateFunction>();

/** A schema of the document, such as the one of an answer. */
export function validatorOf(schema: JsonSchema): ValidateFunction {
  const text = JSON.stringify(schema).replaceAll('"#/', '"document#/');
  const validate = known.get(text) ?? ajv.compile(JSON.parse(text) as object);
  known.set(text, validate);
  return validate;
}

/** What is wrong with a value; empty where nothing is. */
export function problemsOf(schema: JsonSchema | undefined, value: unknown): string[] {
  if (schema === undefined) return ['there is no schema for it'];
  const validate = validatorOf(schema);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

/** The schema that a body of an operation has. */
export function bodySchemaOf(method: string, path: string): JsonSchema | undefined {
  return operationAt(method, path)?.requestBody?.content['application/json'].schema;
}

/** The schema of an answer, or of the items of a stream. */
export function answerSchemaOf(method: string, path: string, type: string): JsonSchema | undefined {
  const content: Readonly<Record<string, MediaType>> =
    operationAt(method, path)?.responses['200']?.content ?? {};
  const media = content[type];
  return media?.['x-item-schema'] ?? media?.schema;
}

function operationAt(method: string, path: string): OperationObject | undefined {
  return allOperations.find((one) => one.method === method && matches(one.path, path))?.operation;
}

function matches(pattern: string, path: string): boolean {
  const names = path.split('/');
  const parts = pattern.split('/');
  return parts.length === names.length && parts.every((part, at) => part === names[at] || part === '{id}');
}

import { errorCatalogue, type ErrorCode } from '../../core/errors.js';
import { anthropicErrorTypeOf } from '../anthropic/error-body.js';
import type { Api } from '../error-body.js';
import { errorMeanings } from './error-meanings.js';
import type { JsonSchema } from './json-schema.js';

/** Errors that come before it is known which operation is meant, or for none of them: they are told of once for all. */
export const errorsOfNoOperation: readonly ErrorCode[] = [
  'invalid_http',
  'route_not_found',
  'method_not_allowed',
  'request_timeout',
  'headers_too_large',
];

/** Of every operation. */
const always: readonly ErrorCode[] = ['host_not_allowed', 'origin_not_allowed', 'internal_error'];

/** What an operation is, as far as its errors depend on it. */
export interface ErrorSources {
  readonly level: 'none' | 'api' | 'admin';
  /** It counts for the limits of keys. */
  readonly isLimited: boolean;
  readonly takesBody: boolean;
  /** Parameters, in a body or a query. */
  readonly takesParameters: boolean;
  readonly more: readonly ErrorCode[];
}

/** All that an operation can be answered with, in the order of the catalogue. */
export function errorsOf({
  level,
  isLimited,
  takesBody,
  takesParameters,
  more,
}: ErrorSources): readonly ErrorCode[] {
  const own = new Set<ErrorCode>([...always, ...more]);
  const add = (...codes: readonly ErrorCode[]): void => codes.forEach((code) => own.add(code));
  if (level !== 'none') add('invalid_api_key');
  if (isLimited) add('rate_limited');
  if (level === 'admin') add('permission_denied');
  if (takesBody) add('invalid_json', 'invalid_parameter', 'body_too_large', 'unsupported_media_type');
  if (takesParameters) add('invalid_parameter', 'unsupported_parameter');
  return (Object.keys(errorCatalogue) as ErrorCode[]).filter((code) => own.has(code));
}

/** An answer that is an error, by its status. */
export interface ErrorResponse {
  readonly description: string;
  readonly headers: Readonly<Record<string, { readonly $ref: string }>>;
  readonly content: { readonly 'application/json': { readonly schema: JsonSchema } };
  /** With what each of them means. */
  readonly 'x-error-codes': Readonly<Partial<Record<ErrorCode, string>>>;
}

/** The errors of an operation, in the shapes of the APIs that it is of. */
export function errorResponses(
  apis: readonly Api[],
  codes: readonly ErrorCode[],
): Readonly<Record<string, ErrorResponse>> {
  const statuses = new Set(codes.map((code) => errorCatalogue[code].status));
  return Object.fromEntries(
    [...statuses].map((status) => {
      const own = codes.filter((code) => errorCatalogue[code].status === status);
      const response = {
        description: own.map((code) => `\`${code}\`: ${errorMeanings[code]}.`).join('\n\n'),
        headers: headersOf(status, own),
        content: { 'application/json': { schema: anyOf(apis.map((api) => errorSchema(api, own))) } },
        'x-error-codes': Object.fromEntries(own.map((code) => [code, errorMeanings[code]])),
      };
      return [String(status), response];
    }),
  );
}

function anyOf(schemas: readonly JsonSchema[]): JsonSchema {
  const [first = {}] = schemas;
  return schemas.length === 1 ? first : { anyOf: [...schemas] };
}

function headersOf(status: number, codes: readonly ErrorCode[]): ErrorResponse['headers'] {
  const names = ['x-request-id', 'x-should-retry'];
  if (codes.some((code) => errorCatalogue[code].retryable)) names.push('retry-after');
  if (status === 401) names.push('www-authenticate');
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function errorSchema(api: Api, codes: readonly ErrorCode[]): JsonSchema {
  switch (api) {
    case 'openai':
      return withField('OpenAIError', 'code', codes);
    case 'anthropic':
      return withField('AnthropicError', 'type', [...new Set(codes.flatMap(anthropicErrorTypesOf))]);
    case 'ollama':
      return { $ref: '#/components/schemas/OllamaError' };
  }
}

function withField(name: string, field: string, values: readonly string[]): JsonSchema {
  const one = { properties: { [field]: { enum: values } } };
  return { allOf: [{ $ref: `#/components/schemas/${name}` }, { properties: { error: one } }] };
}

/** Whether a single error is retryable can differ from its code, and with it its type. */
function anthropicErrorTypesOf(code: ErrorCode): readonly string[] {
  return [true, false].map((retryable) => anthropicErrorTypeOf(code, retryable));
}

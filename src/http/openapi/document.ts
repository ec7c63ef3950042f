import { errorCatalogue } from '../../core/errors.js';
import { version } from '../../core/version.js';
import { apiOf, type Api } from '../error-body.js';
import { neededLevel } from '../security/needed-level.js';
import { messagesError } from './answers/messages.js';
import { ollamaError } from './answers/ollama.js';
import { openaiError } from './answers/openai.js';
import { describeSchema } from './describe-schema.js';
import { errorMeanings } from './error-meanings.js';
import { errorResponses, errorsOf, errorsOfNoOperation, type ErrorResponse } from './error-responses.js';
import { toJsonSchema, type JsonSchema } from './json-schema.js';
import { tags, type NamedSchema, type Operation, type RequestBody, type TagName } from './operation.js';
import { operations } from './operations.js';
import { requestBodySchema } from './request-body.js';

/** A parameter outside of a body. */
export interface ParameterObject {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

/** What comes with a content type. `x-item-schema` is what OpenAPI 3.2 calls `itemSchema`: of an event's data, or a line. */
export interface MediaType {
  readonly schema: JsonSchema;
  readonly 'x-item-schema'?: JsonSchema;
  readonly example?: unknown;
}

/** An answer that is none of the errors. */
export interface AnswerObject {
  readonly description: string;
  readonly headers: Readonly<Record<string, { readonly $ref: string }>>;
  readonly content: Readonly<Record<string, MediaType>>;
}

/** An operation of the document. */
export interface OperationObject {
  readonly operationId: string;
  readonly tags: readonly [TagName];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly ParameterObject[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: { readonly 'application/json': MediaType };
  };
  readonly responses: Readonly<Record<string, AnswerObject | ErrorResponse>>;
  readonly security: readonly Readonly<Record<string, readonly []>>[];
  /** Of a path that is another name of an operation's: that operation's id. */
  readonly 'x-same-as'?: string;
}

/** An OpenAPI 3.1 document, as far as this one goes. */
export interface OpenApiDocument {
  readonly openapi: '3.1.1';
  readonly info: Readonly<Record<'title' | 'version' | 'summary' | 'description', string>> & {
    readonly license: { readonly name: string; readonly identifier: string };
  };
  readonly servers: readonly { readonly url: string; readonly description: string }[];
  readonly tags: readonly { readonly name: TagName; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly headers: Readonly<Record<string, { readonly description: string; readonly schema: JsonSchema }>>;
    readonly securitySchemes: Readonly<Record<string, Readonly<Record<string, string>>>>;
  };
}

/** Describes the server in its own words: what its routes take and answer, from the very schemas that they use. */
export function buildDocument(): OpenApiDocument {
  const schemas = new Map<string, JsonSchema>();
  const errors: readonly NamedSchema[] = [
    { name: 'OpenAIError', schema: openaiError },
    { name: 'AnthropicError', schema: messagesError },
    { name: 'OllamaError', schema: ollamaError },
  ];
  for (const error of errors) referTo(error, schemas);
  const paths: Record<string, Record<string, OperationObject>> = {};
  for (const operation of operations) {
    for (const [index, path] of [operation.path, ...(operation.alsoAt ?? [])].entries()) {
      const written = path.replaceAll(/:(\w+)/g, '{$1}');
      const object = operationObject({ ...operation, path }, schemas);
      (paths[written] ??= {})[operation.method] =
        index === 0
          ? object
          : { ...object, operationId: `${operation.id}${index + 1}`, 'x-same-as': operation.id };
    }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'heddle',
      version,
      summary: 'A multi-model LLM inference server',
      description: introduction(),
      license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The server that this document is from' }],
    tags,
    paths,
    components: { schemas: Object.fromEntries(schemas), headers, securitySchemes },
  };
}

function introduction(): string {
  const rest = errorsOfNoOperation.map(
    (code) => `- \`${code}\` (${errorCatalogue[code].status}): ${errorMeanings[code]}`,
  );
  return [
    'What is not supported is refused, with the path of the parameter; nothing is ignored. A parameter that is `null` counts as not sent.',
    'A key is asked for where the server has keys: as `authorization: Bearer` or as `x-api-key`. What looks after the server needs the admin key, if there is one.',
    'An error is in the shape of the API that was asked, and every answer has an `x-request-id`. Beside the errors of its operations the server knows some that come before it is known what is asked:',
    rest.join('\n'),
  ].join('\n\n');
}

const headers = {
  'x-request-id': {
    description: 'Names the request, also in the log of the server',
    schema: { type: 'string' },
  },
  'x-should-retry': {
    description: 'Whether repeating the same request can help',
    schema: { type: 'string', enum: ['true', 'false'] },
  },
  'retry-after': {
    description: 'Seconds to wait before that; there if it can help',
    schema: { type: 'string', pattern: '^\\d+$' },
  },
  'www-authenticate': { description: 'How a key is sent', schema: { type: 'string', const: 'Bearer' } },
} satisfies OpenApiDocument['components']['headers'];

const securitySchemes = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key, where the server has keys' },
  apiKey: {
    type: 'apiKey',
    in: 'header',
    name: 'x-api-key',
    description: 'The same. It goes before a bearer',
  },
  adminBearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'The admin key, or an API key where there is none',
  },
  adminKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'The same' },
} as const;

const security = {
  none: [],
  api: [{ bearer: [] }, { apiKey: [] }],
  admin: [{ adminBearer: [] }, { adminKey: [] }],
} as const;

function operationObject(operation: Operation, schemas: Map<string, JsonSchema>): OperationObject {
  const { id, tag, summary, description, body, path, errors = [] } = operation;
  const level = neededLevel(path, false);
  const parameters = parametersOf(operation);
  const codes = errorsOf({
    level,
    isLimited: level === 'api' && path !== '/metrics',
    takesBody: operation.method !== 'get',
    takesParameters: body !== undefined || operation.query !== undefined,
    more: errors,
  });
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestBody(body, operation.example, schemas) }),
    responses: { ...answersOf(operation, schemas), ...errorResponses(apisOf(operation), codes) },
    security: security[level],
  };
}

/** Lists of models are of two APIs: a header says of which. */
function apisOf({ path, headers: asked = [] }: Operation): readonly Api[] {
  const all = [apiOf(path), ...asked.map(({ name }) => apiOf(path, { [name]: '2023-06-01' }))];
  return [...new Set(all)];
}

function requestBody(
  body: RequestBody,
  example: Operation['example'],
  schemas: Map<string, JsonSchema>,
): NonNullable<OperationObject['requestBody']> {
  if (!schemas.has(body.name)) schemas.set(body.name, requestBodySchema(body));
  const schema = { $ref: `#/components/schemas/${body.name}` };
  return {
    required: body.isOptional !== true,
    content: { 'application/json': { schema, ...(example === undefined ? {} : { example }) } },
  };
}

function parametersOf({ path, idIs, query, headers: asked = [] }: Operation): ParameterObject[] {
  const parameters: ParameterObject[] = [];
  if (path.includes(':id')) {
    const schema = { type: 'string', minLength: 1 };
    parameters.push({ name: 'id', in: 'path', required: true, description: idIs ?? '', schema });
  }
  if (query !== undefined) {
    const made = toJsonSchema(query.schema);
    describeSchema(made, query.descriptions);
    for (const [name, { description, ...schema }] of Object.entries(made.properties ?? {})) {
      const required = made.required?.includes(name) === true;
      parameters.push({
        name,
        in: 'query',
        required,
        ...(description === undefined ? {} : { description }),
        schema,
      });
    }
  }
  for (const { name, description, schema } of asked)
    parameters.push({ name, in: 'header', required: false, description, schema: toJsonSchema(schema) });
  return parameters;
}

function answersOf(
  { answer, stream }: Operation,
  schemas: Map<string, JsonSchema>,
): Readonly<Record<string, AnswerObject>> {
  if (answer === undefined) return {};
  const content: Record<string, MediaType> =
    answer.kind === 'json'
      ? { 'application/json': { schema: referTo(answer.body, schemas) } }
      : { [answer.contentType]: { schema: { type: 'string' } } };
  if (stream !== undefined)
    content[stream.contentType] = {
      schema: { type: 'string', description: stream.description },
      'x-item-schema': referTo(stream.item, schemas),
    };
  const requestId = { 'x-request-id': { $ref: '#/components/headers/x-request-id' } };
  return { '200': { description: answer.description, headers: requestId, content } };
}

/** A schema of an answer is written once. */
function referTo({ name, schema }: NamedSchema, schemas: Map<string, JsonSchema>): JsonSchema {
  const place = `#/components/schemas/${name}`;
  if (!schemas.has(name)) {
    const made = toJsonSchema(schema, place);
    describeSchema(made);
    schemas.set(name, made);
  }
  return { $ref: place };
}

import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCatalogue, type ErrorCode } from '../../../src/core/errors.js';
import { errorsOfNoOperation } from '../../../src/http/openapi/error-responses.js';
import { errorMeanings } from '../../../src/http/openapi/error-meanings.js';
import { describeSchema } from '../../../src/http/openapi/describe-schema.js';
import { toJsonSchema, type JsonSchema } from '../../../src/http/openapi/json-schema.js';
import { operations } from '../../../src/http/openapi/operations.js';
import { FakeServer } from '../fake-server.js';
import { routesOf } from '../security/server-routes.js';
import { allOperations, document, validatorOf } from './document-schemas.js';

let server: FakeServer;

beforeAll(async () => {
  server = await FakeServer.start({ fake: 'fake:?' });
});
afterAll(async () => server.stop());

/**
 * The OpenAPI initiative's own schema of documents (spec.openapis.org/oas/3.1/schema/2026-08-03, Apache 2.0), as the package
 * @seriousme/openapi-schema-validator 2.11.0 has it: with `$ref` in the place of `$dynamicRef`, which ajv does not follow.
 */
const metaSchema = JSON.parse(
  readFileSync(new URL('openapi-3.1-schema.json', import.meta.url), 'utf8'),
) as object;

function validate(value: unknown): unknown[] {
  const ajv = new Ajv2020({ strict: false });
  formats.default(ajv);
  ajv.addFormat('media-range', /^[\w*.+-]+\/[\w*.+-]+(?:;.+)?$/);
  ajv.validate(metaSchema, value);
  return ajv.errors ?? [];
}

describe('the document', () => {
  it('is valid OpenAPI 3.1, which is more than any object is', () => {
    const plain = JSON.parse(JSON.stringify(document)) as typeof document;
    expect(validate(plain)).toEqual([]);
    expect(validate({ ...plain, paths: { health: {} } })).not.toEqual([]);
  });

  it('has schemas that are valid themselves', () => {
    for (const name of Object.keys(document.components.schemas))
      expect(() => validatorOf({ $ref: `#/components/schemas/${name}` })).not.toThrow();
    const parameters = allOperations.flatMap(({ operation }) => operation.parameters ?? []);
    for (const { schema } of parameters) expect(() => validatorOf(schema)).not.toThrow();
  });

  it('refers to nothing that is not there', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to = '']) => to);
    const missing = references.filter((reference) => at(reference) === undefined);
    expect(references.length).toBeGreaterThan(100);
    expect(missing).toEqual([]);
  });

  it('has every route of the server, and no other', () => {
    const routes = routesOf(server.server).map(({ method, pattern }) => `${method} ${pattern}`);
    const documented = operations.flatMap(({ method, path, alsoAt = [] }) =>
      [path, ...alsoAt].map((one) => `${method.toUpperCase()} ${one}`),
    );
    expect(documented.toSorted()).toEqual(routes.toSorted());
    expect(allOperations).toHaveLength(routes.length);
  });

  it('gives every operation a name of its own', () => {
    const ids = allOperations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('says what each needs to be asked', () => {
    const schemeOf = (path: string, method: string): string | undefined =>
      Object.keys(document.paths[path]?.[method]?.security[0] ?? {})[0];
    expect(schemeOf('/health', 'get')).toBeUndefined();
    expect(schemeOf('/docs', 'get')).toBeUndefined();
    expect(schemeOf('/v1/chat/completions', 'post')).toBe('bearer');
    expect(schemeOf('/api/tags', 'get')).toBe('bearer');
    expect(schemeOf('/v1/models/{id}/unload', 'post')).toBe('adminBearer');
    expect(schemeOf('/admin/engines', 'get')).toBe('adminBearer');
  });
});

describe('the descriptions of parameters', () => {
  it('are there for every parameter of a body and of a query', () => {
    const silent = operations.flatMap(({ id, body, query }) => {
      const schemas = [body, query].flatMap((part) => (part === undefined ? [] : [part]));
      return schemas.flatMap(({ schema, descriptions }) => {
        const made = toJsonSchema(schema);
        describeSchema(made, descriptions);
        return silentFields(made, id);
      });
    });
    expect(silent).toEqual([]);
  });

  it('are of parameters that there are', () => {
    const tables = new Map<object, Set<string>>();
    const used = new Map<string, boolean>();
    for (const { body, query } of operations)
      for (const part of [body, query]) {
        if (part === undefined) continue;
        const own = tables.get(part.descriptions) ?? new Set();
        tables.set(part.descriptions, own);
        for (const path of describeSchema(toJsonSchema(part.schema), {})) own.add(path);
        if (part === body) for (const name of Object.keys(body?.neutral ?? {})) own.add(name);
      }
    for (const [table, paths] of tables)
      for (const [path, text] of Object.entries(table as Record<string, string>)) {
        const key = `${path}: ${text}`;
        used.set(key, used.get(key) === true || paths.has(path));
      }
    expect([...used].filter(([, isUsed]) => !isUsed).map(([key]) => key)).toEqual([]);
  });
});

describe('the errors', () => {
  it('are all told of, but for those that no answer has', () => {
    const told = new Set<string>(errorsOfNoOperation);
    for (const { operation } of allOperations)
      for (const response of Object.values(operation.responses))
        if ('x-error-codes' in response)
          for (const code of Object.keys(response['x-error-codes'])) told.add(code);
    const untold = (Object.keys(errorCatalogue) as ErrorCode[]).filter((code) => !told.has(code));
    // Of the command line, and of a client that is gone.
    expect(untold).toEqual([
      'request_cancelled',
      'listen_failed',
      'unprotected_address',
      'config_invalid',
      'server_unreachable',
      'bench_failed',
    ]);
  });

  it('stand under their statuses', () => {
    for (const { operation } of allOperations)
      for (const [status, response] of Object.entries(operation.responses)) {
        if (!('x-error-codes' in response)) continue;
        const codes = Object.keys(response['x-error-codes']) as ErrorCode[];
        expect(codes.length).toBeGreaterThan(0);
        for (const code of codes) expect(String(errorCatalogue[code].status)).toBe(status);
      }
  });

  it('mean what docs/api.md says', () => {
    const api = readFileSync('docs/api.md', 'utf8');
    const documented = [...api.matchAll(/^\| `(\w+)` \| \d{3} \| (?:yes|no) \| (.+) \|$/gm)];
    expect(Object.entries(errorMeanings)).toEqual(documented.map(([, code, when]) => [code, when]));
  });
});

/** Fields at the top, and of `options`, without a description. */
function silentFields({ properties = {} }: JsonSchema, place: string): string[] {
  return Object.entries(properties).flatMap(([name, property]) => [
    ...(property.description === undefined ? [`${place}: ${name}`] : []),
    ...(['options', 'stream_options', 'against'].includes(name)
      ? silentFields(property, `${place}: ${name}`)
      : []),
  ]);
}

/** What a reference within the document is to. */
function at(reference: string): unknown {
  let value: unknown = document;
  for (const name of reference.split('/').slice(1))
    value = (value as Record<string, unknown> | undefined)?.[name];
  return value;
}

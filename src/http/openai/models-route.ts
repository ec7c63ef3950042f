import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { EnginePool } from '../../pool/engine-pool.js';
import { isAnthropicClient } from '../anthropic/api-headers.js';
import { modelInfo, type NamedModel } from '../anthropic/model-info.js';
import { modelPage } from '../anthropic/model-page.js';
import { servedKind } from '../model-kind-check.js';
import type { ModelFile } from '../../pool/model-catalogue.js';
import type { RouteContext } from '../route-context.js';
import { parseBody } from '../validation.js';

/** The body of a load, which has nothing to say. */
export const loadSchema = z.strictObject({});

/** The body of an unload. */
export const unloadSchema = z.strictObject({
  /** Seconds that running requests may go on. */
  grace: z.number().min(0).max(3600).default(5),
});

interface ById {
  Params: { id: string };
}

/** `GET /v1/models`, `GET /v1/models/{id}`, in the shape of the API that is asked, and heddle's own `POST /v1/models/{id}/load` and `.../unload` */
export function modelsRoute(server: FastifyInstance, { pool }: RouteContext): void {
  server.get('/v1/models', async ({ headers, query }) => {
    const models = namedModels(await pool.catalogue.scan(), pool);
    if (isAnthropicClient(headers)) return modelPage(models, query, pool);
    return { object: 'list', data: await modelObjects(models, pool) };
  });
  server.get<ById>('/v1/models/:id', async ({ params: { id }, headers }) => {
    const file = await pool.find(id);
    return isAnthropicClient(headers) ? modelInfo({ name: id, file }, pool) : modelObject(id, file, pool);
  });
  server.post<ById>('/v1/models/:id/load', async ({ params, body }) => {
    parseBody(loadSchema, body ?? {});
    const { file } = await pool.load(params.id);
    return modelObject(params.id, file, pool);
  });
  server.post<ById>('/v1/models/:id/unload', async ({ params, body }) => {
    const { grace } = parseBody(unloadSchema, body ?? {});
    const { file } = await pool.unload(params.id, grace * 1000);
    return modelObject(params.id, file, pool);
  });
}

/** Everything that can be asked for: models, then aliases. A model whose id is an alias of another is hidden by it. */
export function namedModels(files: readonly ModelFile[], pool: EnginePool): NamedModel[] {
  const byId = new Map(files.map((file) => [file.id, file]));
  const visible = files.filter(({ id }) => pool.idOf(id) === id);
  const aliases = Object.entries(pool.settings.aliases ?? {}).flatMap(([name, id]) => {
    const file = byId.get(id);
    return file === undefined ? [] : [{ name, file }];
  });
  return [...visible.map((file) => ({ name: file.id, file })), ...aliases];
}

async function modelObjects(models: readonly NamedModel[], pool: EnginePool): Promise<object[]> {
  const objects: object[] = [];
  for (const { name, file } of models) objects.push(await modelObject(name, file, pool)); // one file read at a time
  return objects;
}

/**
 * OpenAI's model object, with the state of the model here.
 * @param name the id, or the alias, that it is called by
 */
async function modelObject(name: string, file: ModelFile, pool: EnginePool): Promise<object> {
  const { id, modified, bytes } = file;
  return {
    id: name,
    object: 'model',
    created: Math.floor(modified / 1000),
    owned_by: 'heddle',
    state: pool.stateOf(name),
    kind: (await servedKind(pool, file)) ?? null,
    bytes,
    ...(name === id ? {} : { alias_of: id }),
  };
}

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { EnginePool } from '../../pool/engine-pool.js';
import type { ModelFile } from '../../pool/model-catalogue.js';
import type { RouteContext } from '../route-context.js';
import { parseBody } from '../validation.js';

/** The body of an unload. */
const unloadSchema = z.strictObject({
  /** Seconds that running requests may go on. */
  grace: z.number().min(0).max(3600).default(5),
});

interface ById {
  Params: { id: string };
}

/** `GET /v1/models`, `GET /v1/models/{id}`, and heddle's own `POST /v1/models/{id}/load` and `.../unload` */
export function modelsRoute(server: FastifyInstance, { pool }: RouteContext): void {
  server.get('/v1/models', async () => ({
    object: 'list',
    data: (await pool.catalogue.scan()).map((file) => modelObject(file, pool)),
  }));
  server.get<ById>('/v1/models/:id', async ({ params }) =>
    modelObject(await pool.catalogue.find(params.id), pool),
  );
  server.post<ById>('/v1/models/:id/load', async ({ params }) => {
    const { file } = await pool.load(params.id);
    return modelObject(file, pool);
  });
  server.post<ById>('/v1/models/:id/unload', async ({ params, body }) => {
    const { grace } = parseBody(unloadSchema, body ?? {});
    const { file } = await pool.unload(params.id, grace * 1000);
    return modelObject(file, pool);
  });
}

/** OpenAI's model object, with the state of the model here. */
function modelObject({ id, modified, bytes }: ModelFile, pool: EnginePool): object {
  return {
    id,
    object: 'model',
    created: Math.floor(modified / 1000),
    owned_by: 'heddle',
    state: pool.stateOf(id),
    bytes,
  };
}

import type { FastifyInstance } from 'fastify';
import type { ModelFile } from '../../pool/model-catalogue.js';
import type { RouteContext } from '../route-context.js';

/** `GET /v1/models` and `GET /v1/models/{id}` */
export function modelsRoute(server: FastifyInstance, { pool }: RouteContext): void {
  server.get('/v1/models', async () => ({
    object: 'list',
    data: (await pool.catalogue.scan()).map(modelObject),
  }));
  server.get<{ Params: { id: string } }>('/v1/models/:id', async (request) =>
    modelObject(await pool.catalogue.find(request.params.id)),
  );
}

function modelObject({ id, modified }: ModelFile): object {
  return { id, object: 'model', created: Math.floor(modified / 1000), owned_by: 'heddle' };
}

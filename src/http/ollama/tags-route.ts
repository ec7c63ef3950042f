import type { FastifyInstance } from 'fastify';
import { namedModels } from '../openai/models-route.js';
import type { RouteContext } from '../route-context.js';
import { modelDetails, modelDigest } from './model-details.js';

/** `GET /api/tags`: the models on disk, and aliases. */
export function tagsRoute(server: FastifyInstance, { pool }: RouteContext): void {
  server.get('/api/tags', async () => {
    const models: object[] = [];
    // One file is read at a time.
    for (const { name, file } of namedModels(await pool.catalogue.scan(), pool)) {
      models.push({
        name,
        model: name,
        modified_at: new Date(file.modified).toISOString(),
        size: file.bytes,
        digest: modelDigest(file),
        details: modelDetails(await pool.catalogue.metadataOf(file)),
      });
    }
    return { models };
  });
}

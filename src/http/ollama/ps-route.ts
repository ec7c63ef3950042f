import type { FastifyInstance } from 'fastify';
import type { EnginePool } from '../../pool/engine-pool.js';
import type { ManagedModel } from '../../pool/managed-model.js';
import type { RouteContext } from '../route-context.js';
import { modelDetails, modelDigest } from './model-details.js';

/** What Ollama takes for "for ever": 2^63 nanoseconds, in milliseconds. */
const forEver = 2 ** 63 / 1e6;

/** `GET /api/ps`: the models that are loaded. */
export function psRoute(server: FastifyInstance, { pool }: RouteContext): void {
  server.get('/api/ps', async () => {
    const models: object[] = [];
    for (const model of pool.models) {
      const { file, memory, engine, state } = model;
      if (state.kind !== 'ready' || engine === undefined) continue;
      const loaded = {
        name: file.id,
        model: file.id,
        size: memory.engineBytes + memory.gpuBytes,
        digest: modelDigest(file),
        expires_at: new Date(expiry(model, pool)).toISOString(),
        size_vram: memory.gpuBytes,
        context_length: engine.info.contextSize,
      };
      models.push({ ...loaded, details: modelDetails(await pool.catalogue.metadataOf(file)) });
    }
    return { models };
  });
}

/** When it is unloaded if nobody asks for it, milliseconds since 1970; of one that is in use, if nobody did from now on. */
function expiry(model: ManagedModel, pool: EnginePool): number {
  const since = model.idle ? Math.max(model.lastUsed, model.loadedAt) : Date.now();
  return since + Math.min(pool.idleTimeoutOf(model), forEver);
}

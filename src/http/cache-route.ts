import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { toHeddleError } from '../core/errors.js';
import type { PromptCacheAction, PromptCacheReport } from '../core/prompt-cache.js';
import type { EnginePool } from '../pool/engine-pool.js';
import type { PromptCacheReports } from '../pool/engine-reports.js';
import { describePromptCache } from './cache-description.js';
import { ClientWatch } from './client-watch.js';
import { chatSchema } from './openai/chat-schema.js';
import type { RouteContext } from './route-context.js';
import { parseBody } from './validation.js';

/** The body of a clear, and of a verification. */
export const cacheActionSchema = z.strictObject({ model: chatSchema.shape.model.optional() });

/**
 * `GET /admin/cache`: what the loaded models keep of prompts, and where. `POST /admin/cache/clear` and `.../verify`: the
 * same once all of it is removed, or every file on disk was checked; of one model, which is loaded if it is not, or of
 * all that are loaded.
 */
export function cacheRoute(
  server: FastifyInstance,
  { pool }: RouteContext,
  cacheReports: PromptCacheReports,
): void {
  server.get('/admin/cache', async () => {
    const reports = await cacheReports.of(pool.models);
    return {
      models: [...reports].map(([id, { report, age }]) => ({
        id,
        report_age_ms: Math.round(age),
        ...describePromptCache(report),
      })),
    };
  });
  for (const action of ['clear', 'verify'] as const) {
    server.post(`/admin/cache/${action}`, async (request, reply) => {
      const { model } = parseBody(cacheActionSchema, request.body ?? {});
      if (model === undefined) return { models: await ofAll(pool, action) };
      const { signal } = new ClientWatch(reply.raw);
      return { models: [await ofOne(pool, model, action, signal)] };
    });
  }
}

/** A model that can not do it says why, and keeps no other from doing it. */
async function ofAll(pool: EnginePool, action: PromptCacheAction): Promise<object[]> {
  const serving = pool.models.flatMap(({ file: { id }, state, engine }) =>
    state.kind === 'ready' && engine?.alive === true ? [{ id, engine }] : [],
  );
  return Promise.all(
    serving.map(async ({ id, engine }) => {
      try {
        return describe(id, await engine.promptCache(action));
      } catch (thrown) {
        const { code, message } = toHeddleError(thrown);
        return { id, error: { code, message } };
      }
    }),
  );
}

async function ofOne(
  pool: EnginePool,
  model: string,
  action: PromptCacheAction,
  signal: AbortSignal,
): Promise<object> {
  const lease = await pool.lease(model, signal);
  try {
    return describe(lease.model.id, await lease.engine.promptCache(action));
  } finally {
    lease.release();
  }
}

function describe(id: string, report: PromptCacheReport): object {
  return { id, ...describePromptCache(report) };
}

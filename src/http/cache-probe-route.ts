import type { FastifyInstance } from 'fastify';
import { defaultCacheUse } from '../core/prompt-cache.js';
import { settingsOf } from '../pool/pool-settings.js';
import { cacheProbeSchema } from './cache-probe-schema.js';
import { ClientWatch } from './client-watch.js';
import { comparePrompts, describePrompt, probePrompt } from './probed-prompt.js';
import type { RouteContext } from './route-context.js';
import { parseBody } from './validation.js';

/**
 * `POST /admin/cache/probe`: how much of a prompt is kept, and where it first differs from another. Nothing is computed
 * but the tokens, for which the model is loaded if it is not.
 */
export function cacheProbeRoute(server: FastifyInstance, { pool }: RouteContext): void {
  server.post('/admin/cache/probe', async (request, reply) => {
    const { model, against, cache_salt, ...prompt } = parseBody(cacheProbeSchema, request.body);
    const id = pool.idOf(model);
    const lease = await pool.lease(model, new ClientWatch(reply.raw).signal);
    try {
      const common = {
        rules: settingsOf(pool.settings, id).stablePrompts,
        salt: cache_salt ?? defaultCacheUse.salt,
      };
      const probed = await probePrompt(lease.engine, prompt, { ...common, path: '' });
      const answer = { model: id, prompt: describePrompt(probed) };
      if (against === undefined) return answer;
      const other = await probePrompt(lease.engine, against, { ...common, path: 'against.' });
      return { ...answer, against: describePrompt(other), ...comparePrompts(probed, other) };
    } finally {
      lease.release();
    }
  });
}

import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../metrics/metrics.js';
import type { EnginePool } from '../pool/engine-pool.js';
import type { EngineReports, PromptCacheReports } from '../pool/engine-reports.js';

interface Asked {
  readonly pool: EnginePool;
  readonly metrics: Metrics;
  readonly reports: EngineReports;
  readonly caches: PromptCacheReports;
}

/** `GET /metrics`, for Prometheus. Engines that do not answer delay it by the deadline of their reports at most. */
export function metricsRoute(server: FastifyInstance, { pool, metrics, ...ask }: Asked): void {
  server.get('/metrics', async (_, reply) => {
    const [reports, caches] = await Promise.all([ask.reports.of(pool.models), ask.caches.of(pool.models)]);
    const text = await metrics.text(pool, reports, caches);
    return reply.type(metrics.contentType).send(text);
  });
}

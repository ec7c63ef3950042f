import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../metrics/metrics.js';
import type { EnginePool } from '../pool/engine-pool.js';
import type { EngineReports } from '../pool/engine-reports.js';

/** `GET /metrics`, for Prometheus. Engines that do not answer delay it by the deadline of their reports at most. */
export function metricsRoute(
  server: FastifyInstance,
  { pool, metrics, reports }: { pool: EnginePool; metrics: Metrics; reports: EngineReports },
): void {
  server.get('/metrics', async (_, reply) => {
    const text = await metrics.text(pool, await reports.of(pool.models));
    return reply.type(metrics.contentType).send(text);
  });
}

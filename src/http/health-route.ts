import type { FastifyInstance } from 'fastify';
import { version } from '../core/version.js';
import type { RouteContext } from './route-context.js';

/** `GET /health`: 200 also when degraded, since the other models are served. */
export function healthRoute(server: FastifyInstance, { pool }: RouteContext): void {
  server.get('/health', () => {
    const models = pool.models.map(({ file, state, engine, problem }) => ({
      id: file.id,
      state: state.kind,
      requests: engine?.pendingRequests ?? 0,
      process_id: engine?.processId ?? null,
      ...(problem === undefined ? {} : { problem }),
    }));
    const degraded = pool.pressure !== 'none' || models.some((model) => 'problem' in model);
    return {
      status: degraded ? 'degraded' : 'ok',
      version,
      memory_pressure: pool.pressure,
      models,
      pending_requests: pool.pendingRequests,
    };
  });
}

import type { FastifyInstance } from 'fastify';
import { version } from '../core/version.js';
import type { RouteContext } from './route-context.js';

/** `GET /health`: 200 also when degraded, since the other models are served. */
export function healthRoute(server: FastifyInstance, { pool }: RouteContext): void {
  server.get('/health', () => ({
    status: pool.models.some(({ quarantined }) => quarantined.length > 0) ? 'degraded' : 'ok',
    version,
    models: pool.models.map(({ file, state, engine }) => ({
      id: file.id,
      state: state.kind,
      requests: engine?.pendingRequests ?? 0,
      process_id: engine?.processId ?? null,
    })),
    pending_requests: pool.pendingRequests,
  }));
}

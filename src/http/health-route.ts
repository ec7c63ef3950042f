import type { FastifyInstance } from 'fastify';
import { version } from '../core/version.js';
import type { RouteContext } from './route-context.js';

/** `GET /health` */
export function healthRoute(server: FastifyInstance, { pool }: RouteContext): void {
  server.get('/health', () => ({
    status: 'ok',
    version,
    models: pool.residents.map(({ id, leases, processId }) => ({
      id,
      leases,
      process_id: processId ?? null,
    })),
    pending_requests: pool.pendingRequests,
  }));
}

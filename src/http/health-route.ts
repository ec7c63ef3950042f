import type { FastifyInstance } from 'fastify';
import { version } from '../core/version.js';
import type { RouteContext } from './route-context.js';

/**
 * `GET /health`: 200 also when degraded, since the other models are served. It needs no key; who lacks one that the others
 * need is told the status alone.
 */
export function healthRoute(server: FastifyInstance, { pool }: RouteContext): void {
  server.get('/health', ({ callerAccess }) => {
    const models = pool.models.map(({ file, state, engine, problem }) => ({
      id: file.id,
      state: state.kind,
      requests: engine?.pendingRequests ?? 0,
      process_id: engine?.processId ?? null,
      ...(problem === undefined ? {} : { problem }),
    }));
    const degraded = pool.pressure !== 'none' || models.some((model) => 'problem' in model);
    const status = degraded ? 'degraded' : 'ok';
    if (callerAccess?.level === 'none') return { status };
    return {
      status,
      version,
      memory_pressure: pool.pressure,
      models,
      pending_requests: pool.pendingRequests,
    };
  });
}

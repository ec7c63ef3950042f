import type { FastifyInstance } from 'fastify';
import type { ManagedModel } from '../pool/managed-model.js';
import type { RouteContext } from './route-context.js';

/** `GET /admin/engines`: the models that were asked for so far, and how their engines are doing. */
export function adminRoute(server: FastifyInstance, { pool }: RouteContext): void {
  server.get('/admin/engines', async () => ({
    engines: await Promise.all(pool.models.map(describe)),
    memory: {
      ceiling: pool.memoryCeiling,
      ledger: pool.ledger.map(({ id, bytes, state }) => ({ id, bytes, state })),
    },
  }));
}

async function describe({
  file,
  state,
  engine,
  leases,
  lastUsed,
  quarantined,
}: ManagedModel): Promise<object> {
  const { kind, ...details } = state;
  const common = {
    id: file.id,
    state: kind,
    ...('since' in details ? { since: new Date(details.since).toISOString() } : {}),
    ...('error' in details ? { error: { code: details.error.code, message: details.error.message } } : {}),
    ...('retryAt' in details ? { retry_at: new Date(details.retryAt).toISOString() } : {}),
    quarantined: quarantined.length,
  };
  if (engine === undefined || kind !== 'ready') return common;
  // An engine that is lost at this moment has no report.
  const report = await engine.inspect().catch(() => undefined);
  return {
    ...common,
    process_id: engine.processId ?? null,
    last_used: new Date(lastUsed).toISOString(),
    leases,
    requests: engine.pendingRequests,
    ...(report === undefined
      ? {}
      : {
          running: report.running,
          waiting: report.waiting,
          slots: engine.info.slots,
          cells: { used: report.usedCells, total: engine.info.contextSize },
          steps: report.steps,
          aborted_steps: report.abortedSteps,
          preemptions: report.preemptions,
          thread_id: report.threads.load,
          memory: report.memory,
        }),
  };
}

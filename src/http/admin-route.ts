import type { FastifyInstance } from 'fastify';
import type { EngineReports, TimedReport } from '../pool/engine-reports.js';
import type { ManagedModel } from '../pool/managed-model.js';
import type { RouteContext } from './route-context.js';

/** `GET /admin/engines`: the models that were asked for so far, and how their engines are doing. */
export function adminRoute(
  server: FastifyInstance,
  { pool }: RouteContext,
  engineReports: EngineReports,
): void {
  server.get('/admin/engines', async () => {
    const reports = await engineReports.of(pool.models);
    return {
      engines: pool.models.map((model) => describe(model, reports.get(model.file.id))),
      memory: {
        ceiling: pool.memoryCeiling,
        ledger: pool.ledger.map(({ id, bytes, state }) => ({ id, bytes, state })),
      },
    };
  });
}

function describe(
  { file, state, engine, leases, lastUsed, quarantined }: ManagedModel,
  timed: TimedReport | undefined,
): object {
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
  return {
    ...common,
    process_id: engine.processId ?? null,
    last_used: new Date(lastUsed).toISOString(),
    leases,
    requests: engine.pendingRequests,
    ...(timed?.engine === engine ? describeReport(timed) : {}),
  };
}

function describeReport({ engine, report, age }: TimedReport): object {
  return {
    report_age_ms: Math.round(age),
    running: report.running,
    waiting: report.waiting,
    slots: engine.info.slots,
    cells: { used: report.usedCells, total: engine.info.contextSize },
    steps: report.steps,
    aborted_steps: report.abortedSteps,
    preemptions: report.preemptions,
    thread_id: report.threads.load,
    memory: report.memory,
  };
}

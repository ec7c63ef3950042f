import type { FastifyInstance } from 'fastify';
import type { Engine, EngineReport } from '../engine/engine.js';
import type { ManagedModel } from '../pool/managed-model.js';
import type { RouteContext } from './route-context.js';

/** An engine that computes a long step answers after it, milliseconds; it is reported without its own figures then. */
const reportDeadline = 1000;

/** `GET /admin/engines`: the models that were asked for so far, and how their engines are doing. */
export function adminRoute(server: FastifyInstance, { pool }: RouteContext): void {
  server.get('/admin/engines', async () => ({
    engines: await Promise.all(pool.models.map(describe)),
    memory: {
      ceiling: pool.memoryCeiling,
      pressure: pool.pressure,
      ledger: pool.ledger.map(({ id, bytes, state }) => ({ id, bytes, state })),
    },
  }));
}

async function describe(model: ManagedModel): Promise<object> {
  const { file, state, engine, leases, waiting, lastUsed, loadedAt, memory, losses, problem } = model;
  const { kind, ...details } = state;
  const common = {
    id: file.id,
    state: kind,
    ...('since' in details ? { since: new Date(details.since).toISOString() } : {}),
    ...('deadline' in details ? { deadline: new Date(details.deadline).toISOString() } : {}),
    ...('error' in details ? { error: { code: details.error.code, message: details.error.message } } : {}),
    ...('retryAt' in details ? { retry_at: new Date(details.retryAt).toISOString() } : {}),
    ...(problem === undefined ? {} : { problem }),
    waiting_callers: waiting,
    losses: losses.count,
    ...(losses.last === undefined
      ? {}
      : { last_loss: { at: new Date(losses.last.at).toISOString(), error: losses.last.error } }),
    memory: {
      predicted: memory.predictedBytes,
      measured: memory.measuredBytes ?? null,
      remainders: [...memory.remainders],
    },
    last_settlement: memory.lastReport ?? null,
    process_id: engine?.processId ?? null,
  };
  if (engine === undefined || kind !== 'ready') return common;
  const report = await reportOf(engine);
  return {
    ...common,
    uptime_seconds: Math.round((Date.now() - loadedAt) / 1000),
    last_used: new Date(lastUsed).toISOString(),
    leases,
    requests: engine.pendingRequests,
    answers: report !== undefined,
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
          host_memory: report.memory,
        }),
  };
}

/** Undefined for an engine that is lost at this moment, or does not answer in time. */
async function reportOf(engine: Engine): Promise<EngineReport | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, reportDeadline, undefined)));
  const report = await Promise.race([engine.inspect().catch(() => undefined), late]);
  clearTimeout(timer);
  return report;
}

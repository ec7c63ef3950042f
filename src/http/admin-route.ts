import type { FastifyInstance } from 'fastify';
import type { SettleReport } from '../core/memory.js';
import type { EnginePool } from '../pool/engine-pool.js';
import type { EngineReports, TimedReport } from '../pool/engine-reports.js';
import type { EngineState } from '../pool/engine-state.js';
import type { Gpus } from '../pool/gpus.js';
import type { Losses, ManagedModel } from '../pool/managed-model.js';
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
      engines: pool.models.map((model) => describe(model, pool, reports.get(model.file.id))),
      memory: {
        ceiling: pool.memoryCeiling,
        pressure: pool.pressure,
        ledger: pool.ledger.map(({ id, bytes, gpuBytes, state }) => ({
          id,
          bytes,
          ...(gpuBytes === undefined ? {} : { gpu_bytes: gpuBytes }),
          state,
        })),
        gpus: describeGpus(pool.gpus),
      },
    };
  });
}

function describe(model: ManagedModel, pool: EnginePool, timed: TimedReport | undefined): object {
  const { file, state, engine, waiting, losses, memory, problem } = model;
  return {
    id: file.id,
    ...describeState(state),
    ...(problem === undefined ? {} : { problem }),
    waiting_callers: waiting,
    ...describeLosses(losses),
    memory: {
      predicted: memory.predictedBytes,
      predicted_gpu: memory.gpuBytes,
      prompt_cache: memory.promptBytes,
      measured: memory.measuredBytes ?? null,
      remainders: [...memory.remainders].map(({ bytes, gpuBytes, state: remains }) => ({
        bytes,
        ...(gpuBytes === undefined ? {} : { gpu_bytes: gpuBytes }),
        state: remains,
      })),
    },
    last_settlement: memory.lastReport === undefined ? null : describeSettlement(memory.lastReport),
    process_id: engine?.processId ?? null,
    compute_threads: pool.threadsOf(model) ?? null,
    ...(state.kind === 'ready' || state.kind === 'draining' ? describeService(model) : {}),
    ...(timed === undefined || timed.engine !== engine ? {} : describeReport(timed)),
  };
}

/** Null before they were read. */
function describeGpus({ last }: Gpus): object | null {
  if (last === undefined) return null;
  return {
    read_at: time(last.at),
    devices: last.gpus.map(({ id, totalBytes, usedBytes }) => ({ id, total: totalBytes, used: usedBytes })),
  };
}

function describeState(state: EngineState): object {
  return {
    state: state.kind,
    ...('since' in state ? { since: time(state.since) } : {}),
    ...('deadline' in state ? { deadline: time(state.deadline) } : {}),
    ...('error' in state ? { error: { code: state.error.code, message: state.error.message } } : {}),
    ...('retryAt' in state ? { retry_at: time(state.retryAt) } : {}),
  };
}

function describeLosses({ count, last }: Losses): object {
  if (last === undefined) return { losses: count };
  const { code, message } = last.error;
  const lastWords = last.lastWords.split('\n').filter((line) => line !== '');
  return {
    losses: count,
    last_loss: { at: time(last.at), error: { code, message }, last_words: lastWords.slice(-20) },
  };
}

function describeSettlement({
  verdict,
  expectedBytes,
  returnedBytes,
  gpu,
  milliseconds,
}: SettleReport): object {
  return {
    verdict,
    expected_bytes: expectedBytes,
    returned_bytes: returnedBytes ?? null,
    ...(gpu === undefined
      ? {}
      : { expected_gpu_bytes: gpu.expectedBytes, returned_gpu_bytes: gpu.returnedBytes ?? null }),
    milliseconds,
  };
}

function describeService({ engine, leases, lastUsed, loadedAt }: ManagedModel): object {
  return {
    uptime_seconds: Math.round((Date.now() - loadedAt) / 1000),
    last_used: time(lastUsed),
    leases,
    requests: engine?.pendingRequests ?? 0,
  };
}

function describeReport({ engine, report, age }: TimedReport): object {
  return {
    report_age_ms: Math.round(age),
    running: report.running,
    waiting: report.waiting,
    slots: engine.info.slots,
    cells: { used: report.usedCells, resident: report.residentCells, total: engine.info.contextSize },
    steps: report.steps,
    aborted_steps: report.abortedSteps,
    preemptions: report.preemptions,
    thread_id: report.threads.load,
    host_memory: report.memory,
  };
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

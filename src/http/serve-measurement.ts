import type { FastifyReply } from 'fastify';
import type { ModelKind } from '../core/model-kind.js';
import type { Engine } from '../engine/engine.js';
import type { EnginePool } from '../pool/engine-pool.js';
import { ClientWatch } from './client-watch.js';
import { checkKind, wrongKind } from './model-kind-check.js';
import type { RouteContext } from './route-context.js';

/** A validated request for something about its inputs: embeddings, relevances. */
export interface MeasurementJob<Result> {
  /** The model's id or an alias, as the client said it. */
  readonly modelId: string;
  readonly task: 'embed' | 'rerank';
  readonly kind: ModelKind;
  readonly user: string | undefined;
  /**
   * Hands the request over to the engine, before it returns.
   * @param signal aborted when the client goes away
   */
  readonly ask: (engine: Engine, signal: AbortSignal) => Promise<readonly Result[]>;
}

/**
 * Runs a job. When the client goes away the work stops.
 * @returns a result for each input
 * @throws HeddleError why there are none: `unsupported_by_model` for a model of another kind
 */
export async function serveMeasurement<Result extends { readonly tokens: number }>(
  job: MeasurementJob<Result>,
  reply: FastifyReply,
  { pool, log, metrics }: RouteContext,
): Promise<readonly Result[]> {
  const { modelId, task, user } = job;
  const started = performance.now();
  const model = pool.idOf(modelId);
  const client = new ClientWatch(reply.raw);
  const counts = { inputs: 0, tokens: 0 };
  const elapsed = (): number => performance.now() - started;
  try {
    const results = await handOver(job, client, pool);
    client.check();
    counts.inputs = results.length;
    counts.tokens = countTokens(results);
    metrics?.measured({ model, task, ...counts, milliseconds: elapsed() });
    return results;
  } finally {
    log.info({ model, user, ms: Math.round(elapsed()), gone: client.gone, ...counts }, task);
  }
}

export function countTokens(results: readonly { readonly tokens: number }[]): number {
  return results.reduce((sum, { tokens }) => sum + tokens, 0);
}

/** The lease is for the hand-over alone: the engine counts what it is asked. */
async function handOver<Result>(
  { modelId, kind, ask }: MeasurementJob<Result>,
  client: ClientWatch,
  pool: EnginePool,
): Promise<readonly Result[]> {
  await checkKind(pool, modelId, kind);
  const lease = await pool.lease(modelId, client.signal);
  let results: Promise<readonly Result[]>;
  try {
    client.check();
    const { info } = lease.engine;
    if (info.kind !== kind) throw await wrongKind(pool, modelId, info.kind, kind);
    results = ask(lease.engine, client.signal);
  } finally {
    lease.release();
  }
  return results;
}

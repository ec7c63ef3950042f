import type { FastifyReply } from 'fastify';
import { toHeddleError, type HeddleError } from '../core/errors.js';
import type { ModelInfo } from '../core/model-runner.js';
import type { EnginePool } from '../pool/engine-pool.js';
import { OutputBlocks } from '../prompt/output/output-blocks.js';
import { Answer, type AnswerEnd, type AnswerPrompt } from './answer.js';
import type { AnswerFormat, WholeChoice } from './answer-format.js';
import { ClientWatch } from './client-watch.js';
import { checkKind } from './model-kind-check.js';
import { withPings } from './pings.js';
import type { RouteContext } from './route-context.js';
import { SseWriter, type StreamWriter } from './sse-writer.js';

/** A validated request for text. */
export interface AnswerJob {
  /** The model's id or an alias, as the client said it. */
  readonly modelId: string;
  /** What the engine is asked; made when the model is loaded, since templates come with it. */
  readonly prompts: (info: ModelInfo) => readonly AnswerPrompt[];
  readonly format: AnswerFormat;
  readonly stream: boolean;
  readonly user: string | undefined;
  /** How a stream is written; as server-sent events when absent. */
  readonly openStream?: (reply: FastifyReply) => StreamWriter;
}

/**
 * Runs a job and answers with it. Errors that are known before the first token are thrown, and become a status and a
 * JSON body; later ones become the last event of the stream. When the client goes away the work stops.
 */
export async function serveAnswer(
  job: AnswerJob,
  reply: FastifyReply,
  { pool, log, metrics, pingInterval }: RouteContext,
): Promise<void> {
  const started = performance.now();
  const model = pool.idOf(job.modelId);
  const client = new ClientWatch(reply.raw);
  const answer = await start(job, client, pool);
  const warnings = new Set<string>();
  client.onGone(() => answer.cancel());
  try {
    await answer.accepted();
    client.check();
    if (job.stream) {
      const error = await sendStream(job, answer, reply, { warnings, pingInterval });
      if (error !== undefined) metrics?.requestFailed(error.code);
      else if (client.gone) metrics?.requestFailed('request_cancelled');
    } else await sendWhole(job, answer, client, reply, warnings);
  } finally {
    answer.cancel();
    const ms = Math.round(performance.now() - started);
    const { user } = job;
    const { promptTokens, cachedTokens, completionTokens } = answer.usage;
    const counts = {
      prompt_tokens: promptTokens,
      cached_tokens: cachedTokens,
      completion_tokens: completionTokens,
    };
    log.info({ model, user, ms, gone: client.gone, ...counts }, 'completion');
    for (const warning of warnings) log.warn({ model, user }, warning);
  }
}

/** Hands the requests over to the engine. The lease is for that alone: a slow reader keeps no engine. */
async function start(job: AnswerJob, client: ClientWatch, pool: EnginePool): Promise<Answer> {
  await checkKind(pool, job.modelId, 'generation');
  const lease = await pool.lease(job.modelId, client.signal);
  try {
    client.check();
    return new Answer(lease.engine, job.prompts(lease.engine.info));
  } finally {
    lease.release();
  }
}

async function sendWhole(
  { format }: AnswerJob,
  answer: Answer,
  client: ClientWatch,
  reply: FastifyReply,
  warnings: Set<string>,
): Promise<void> {
  const outputs = Array.from({ length: answer.choices }, () => new OutputBlocks());
  const ends = new Map<number, AnswerEnd>();
  for await (const { choice, events, end } of answer.pieces()) {
    outputs[choice]?.add(events);
    if (end !== undefined) ends.set(choice, end);
  }
  client.check();
  const choices = outputs.map((output, index): WholeChoice => {
    for (const warning of output.warnings) warnings.add(warning);
    const { blocks, warnings: own } = output;
    return { blocks, warnings: own, end: ends.get(index) ?? { reason: 'stop' } };
  });
  await reply.send(format.whole(choices, answer.usage));
}

/** @returns the error that the stream ended with; undefined when it is whole, or the client has gone */
async function sendStream(
  { format, openStream }: AnswerJob,
  answer: Answer,
  reply: FastifyReply,
  { warnings, pingInterval }: { warnings: Set<string>; pingInterval: number | undefined },
): Promise<HeddleError | undefined> {
  reply.hijack();
  const stream = openStream?.(reply) ?? new SseWriter(reply.raw);
  try {
    for (const event of format.opening(answer.choices, answer.usage)) await stream.send(event);
    const pieces =
      format.ping === undefined
        ? answer.pieces()
        : withPings(answer.pieces(), { progress: () => answer.progress, interval: pingInterval });
    for await (const piece of pieces) {
      if (piece === 'ping') {
        const ping = format.ping?.();
        if (ping !== undefined) await stream.send(ping);
        continue;
      }
      for (const event of piece.events) if (event.kind === 'warning') warnings.add(event.message);
      for (const event of format.piece(piece)) await stream.send(event);
    }
    for (const event of format.closing(answer.usage)) await stream.send(event);
    return undefined;
  } catch (thrown) {
    const error = toHeddleError(thrown);
    for (const event of format.failure(error)) await stream.send(event);
    return error;
  } finally {
    stream.end();
  }
}

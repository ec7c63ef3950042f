import type { FastifyReply } from 'fastify';
import { toHeddleError, type HeddleError } from '../core/errors.js';
import type { TokenLikelihood } from '../core/likelihood.js';
import type { ModelInfo } from '../core/model-runner.js';
import type { Engine } from '../engine/engine.js';
import type { EnginePool } from '../pool/engine-pool.js';
import { OutputBlocks } from '../prompt/output/output-blocks.js';
import type { OutputEvent, OutputWarning } from '../prompt/output/output-event.js';
import { Answer, type AnswerEnd, type AnswerPrompt } from './answer.js';
import type { AnswerFormat, WholeChoice } from './answer-format.js';
import { ClientWatch } from './client-watch.js';
import type { PlacedLikelihood } from './content-likelihoods.js';
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
  /** What is to be asked of the model before, if anything. @param signal the client has left */
  readonly prepare?: (engine: Engine, signal: AbortSignal) => Promise<void>;
  /** Or what makes it, when the model is loaded. */
  readonly format: AnswerFormat | ((info: ModelInfo) => AnswerFormat);
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
  const { answer, format } = await start(job, client, pool);
  const warnings = new Set<OutputWarning>();
  client.onGone(() => answer.cancel());
  try {
    await answer.accepted();
    client.check();
    if (job.stream) {
      const error = await sendStream(job, format, { answer, reply, warnings, pingInterval });
      if (error !== undefined) metrics?.requestFailed(error.code);
      else if (client.gone) metrics?.requestFailed('request_cancelled');
    } else await sendWhole(format, { answer, client, reply, warnings });
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
    for (const warning of warnings)
      log.warn({ model, user, warning }, 'An output is not as its format asks.');
  }
}

/** Hands the requests over to the engine. The lease is for that alone: a slow reader keeps no engine. */
async function start(
  job: AnswerJob,
  client: ClientWatch,
  pool: EnginePool,
): Promise<{ answer: Answer; format: AnswerFormat }> {
  await checkKind(pool, job.modelId, 'generation');
  const lease = await pool.lease(job.modelId, client.signal);
  try {
    client.check();
    const { engine } = lease;
    await job.prepare?.(engine, client.signal);
    client.check();
    const answer = new Answer(engine, job.prompts(engine.info));
    return { answer, format: typeof job.format === 'function' ? job.format(engine.info) : job.format };
  } finally {
    lease.release();
  }
}

/** An answer on its way. */
interface Sending {
  readonly answer: Answer;
  readonly reply: FastifyReply;
  /** What the parsers found, for the log. */
  readonly warnings: Set<OutputWarning>;
}

async function sendWhole(
  format: AnswerFormat,
  { answer, client, reply, warnings }: Sending & { readonly client: ClientWatch },
): Promise<void> {
  const outputs = Array.from({ length: answer.choices }, () => new OutputBlocks());
  const ends = new Map<number, AnswerEnd>();
  const known = outputs.map((): TokenLikelihood[] => []);
  const ofContent = outputs.map((): PlacedLikelihood[] => []);
  for await (const { choice, events, likelihoods = [], contentLikelihoods = [], end } of answer.pieces()) {
    outputs[choice]?.add(events);
    noteWarnings(events, warnings);
    for (const likelihood of likelihoods) known[choice]?.push(likelihood);
    for (const likelihood of contentLikelihoods) ofContent[choice]?.push(likelihood);
    if (end !== undefined) ends.set(choice, end);
  }
  client.check();
  const choices = outputs.map((output, index): WholeChoice => {
    const { blocks, warnings: own } = output;
    const end = ends.get(index) ?? { reason: 'stop' };
    return {
      blocks,
      likelihoods: known[index] ?? [],
      contentLikelihoods: ofContent[index] ?? [],
      warnings: own,
      end,
    };
  });
  await reply.send(format.whole(choices, answer.usage));
}

/** @returns the error that the stream ended with; undefined when it is whole, or the client has gone */
async function sendStream(
  { openStream }: AnswerJob,
  format: AnswerFormat,
  { answer, reply, warnings, pingInterval }: Sending & { readonly pingInterval: number | undefined },
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
      noteWarnings(piece.events, warnings);
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

/** Logs get what kind of warning it is; a message quotes the model. */
function noteWarnings(events: readonly OutputEvent[], warnings: Set<OutputWarning>): void {
  for (const event of events) if (event.kind === 'warning') warnings.add(event.code);
}

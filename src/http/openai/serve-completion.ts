import type { FastifyReply } from 'fastify';
import { toHeddleError, type HeddleError } from '../../core/errors.js';
import type { FinishReason, GenerateRequest } from '../../core/generation.js';
import type { TokenLikelihood } from '../../core/likelihood.js';
import type { Engine } from '../../engine/engine.js';
import type { EnginePool } from '../../pool/engine-pool.js';
import { ClientWatch } from '../client-watch.js';
import type { RouteContext } from '../route-context.js';
import { SseWriter } from '../sse-writer.js';
import { Answer, type EmptyChoices, type Usage } from './answer.js';
import { errorBody } from './error-body.js';

/** How an API writes an answer down: its objects, for streams and for whole answers. */
export interface AnswerFormat {
  /** First event of a choice; undefined when the API has none. */
  opening(choice: number): object | undefined;
  /** @param likelihoods of the text's tokens, where they were asked for; there may be some without text */
  delta(choice: number, text: string, likelihoods?: readonly TokenLikelihood[]): object;
  finish(choice: number, reason: FinishReason): object;
  usage(usage: Usage): object;
  whole(choices: readonly WholeChoice[], usage: Usage): object;
}

/** A choice that is done. */
export interface WholeChoice {
  readonly text: string;
  readonly reason: FinishReason;
  /** Of all tokens; empty where they were not asked for. */
  readonly likelihoods: readonly TokenLikelihood[];
}

/** How a job is done, once its model is loaded. */
export interface CompletionPlan {
  /** One for each prompt. */
  readonly requests: readonly GenerateRequest[];
  /** Choices before those of the requests. */
  readonly empty?: EmptyChoices;
  readonly format: AnswerFormat;
}

/** A validated request for text. */
export interface CompletionJob {
  /** The model's id or an alias, as the client said it. */
  readonly modelId: string;
  /** Made when the model is loaded, since templates come with it. @param signal the client has left */
  readonly plan: (engine: Engine, signal: AbortSignal) => Promise<CompletionPlan>;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly user: string | undefined;
}

/**
 * Runs a job and answers with it. Errors that are known before the first token are thrown, and become a status and a
 * JSON body; later ones become the last event of the stream. When the client goes away the work stops.
 */
export async function serveCompletion(
  job: CompletionJob,
  reply: FastifyReply,
  { pool, log, metrics }: RouteContext,
): Promise<void> {
  const started = performance.now();
  const model = pool.idOf(job.modelId);
  const client = new ClientWatch(reply.raw);
  const { answer, format } = await start(job, client, pool);
  client.onGone(() => answer.cancel());
  try {
    await answer.accepted();
    client.check();
    if (job.stream) {
      const error = await sendStream(job, format, answer, reply);
      if (error !== undefined) metrics?.requestFailed(error.code);
      else if (client.gone) metrics?.requestFailed('request_cancelled');
    } else await sendWhole(format, answer, client, reply);
  } finally {
    answer.cancel();
    const ms = Math.round(performance.now() - started);
    const { user } = job;
    log.info({ model, user, ms, gone: client.gone, ...answer.usage }, 'completion');
  }
}

/** Hands the requests over to the engine. The lease is for that alone: a slow reader keeps no engine. */
async function start(
  job: CompletionJob,
  client: ClientWatch,
  pool: EnginePool,
): Promise<{ answer: Answer; format: AnswerFormat }> {
  const lease = await pool.lease(job.modelId, client.signal);
  try {
    client.check();
    const { requests, empty, format } = await job.plan(lease.engine, client.signal);
    client.check();
    return { answer: new Answer(lease.engine, requests, empty), format };
  } finally {
    lease.release();
  }
}

async function sendWhole(
  format: AnswerFormat,
  answer: Answer,
  client: ClientWatch,
  reply: FastifyReply,
): Promise<void> {
  const choices = Array.from({ length: answer.choices }, () => ({
    text: '',
    reason: 'stop' as FinishReason,
    likelihoods: [] as TokenLikelihood[],
  }));
  for await (const { choice, text, likelihoods = [], finishReason } of answer.pieces()) {
    const whole = choices[choice];
    if (whole === undefined) continue;
    whole.text += text;
    whole.likelihoods.push(...likelihoods);
    if (finishReason !== undefined) whole.reason = finishReason;
  }
  client.check();
  await reply.send(format.whole(choices, answer.usage));
}

/** @returns the error that the stream ended with; undefined when it is whole, or the client has gone */
async function sendStream(
  { includeUsage }: CompletionJob,
  format: AnswerFormat,
  answer: Answer,
  reply: FastifyReply,
): Promise<HeddleError | undefined> {
  reply.hijack();
  const events = new SseWriter(reply.raw);
  try {
    for (let choice = 0; choice < answer.choices; choice++) {
      const opening = format.opening(choice);
      if (opening !== undefined) await events.send(opening);
    }
    for await (const { choice, text, likelihoods, finishReason } of answer.pieces()) {
      if (text !== '' || (likelihoods ?? []).length > 0)
        await events.send(format.delta(choice, text, likelihoods));
      if (finishReason !== undefined) await events.send(format.finish(choice, finishReason));
    }
    if (includeUsage) await events.send(format.usage(answer.usage));
    await events.send('[DONE]');
    return undefined;
  } catch (thrown) {
    const error = toHeddleError(thrown);
    await events.send(errorBody(error));
    return error;
  } finally {
    events.end();
  }
}

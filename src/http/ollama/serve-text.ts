import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GenerateRequest } from '../../core/generation.js';
import type { ModelInfo } from '../../core/model-runner.js';
import { defaultCacheUse } from '../../core/prompt-cache.js';
import type { AnswerPrompt } from '../answer.js';
import { toChatLikelihoods } from '../openai/chat-schema.js';
import { toStanding } from '../openai/standing-schema.js';
import type { RouteContext } from '../route-context.js';
import { serveAnswer } from '../serve-answer.js';
import { changeResidence } from './change-residence.js';
import { modelName } from './model-name.js';
import { NdjsonWriter } from './ndjson-writer.js';
import { checkContext, toSampling, toStopConditions, type TextOptions } from './options-schema.js';
import { RequestClock } from './request-clock.js';
import { head, textFormat, type TextPart } from './text-format.js';
import { wholeCalls } from './whole-calls.js';

/** A validated request for text. */
export interface TextJob {
  readonly body: {
    readonly model: string;
    readonly stream: boolean;
    readonly keep_alive?: number | undefined;
    readonly options: TextOptions;
    readonly logprobs: boolean;
    readonly top_logprobs: number;
  };
  /** There is nothing to answer: the model is to be loaded or unloaded. */
  readonly isEmpty: boolean;
  readonly prompt: (
    info: ModelInfo,
    request: Omit<GenerateRequest, 'prompt' | 'controlTokens' | 'reasoningLimit' | 'grammar'>,
    modelId: string,
  ) => AnswerPrompt;
  /** How the endpoint writes a part of an answer. */
  readonly fields: (part: TextPart) => object;
}

/** Runs a job and answers with it, or does to the model what it asks for. */
export async function serveText(
  { body, isEmpty, prompt, fields }: TextJob,
  { headers }: FastifyRequest,
  reply: FastifyReply,
  context: RouteContext,
): Promise<void> {
  const clock = new RequestClock();
  const { model, keep_alive: keepAlive, options, stream } = body;
  const { pool } = context;
  const likelihoods = toChatLikelihoods(body);
  const modelId = await modelName(pool, model);
  if (isEmpty) {
    const done_reason = await changeResidence(modelId, keepAlive, reply, pool);
    await reply.send({ ...head(model), ...fields({ content: '' }), done: true, done_reason });
    return;
  }
  const request = {
    id: `ollama-${randomUUID()}`,
    ...toStanding({}, headers),
    ...likelihoods,
    choices: 1,
    sampling: toSampling(options),
    stop: toStopConditions(options),
    cache: defaultCacheUse,
  };
  await serveAnswer(
    {
      modelId,
      prompts: (info) => {
        clock.loaded();
        checkContext(options, info);
        const made = prompt(info, request, modelId);
        if (keepAlive !== undefined) pool.keepAlive(modelId, keepAlive);
        return [{ ...made, newParser: () => wholeCalls(made.newParser()), observer: clock }];
      },
      format: textFormat(model, clock, fields),
      stream,
      user: undefined,
      openStream: ({ raw }) => new NdjsonWriter(raw),
    },
    reply,
    context,
  );
}

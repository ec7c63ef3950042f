import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { TokenLikelihood } from '../../core/likelihood.js';
import type { StableRuleSwitches } from '../../core/stable-rules.js';
import { settingsOf } from '../../pool/pool-settings.js';
import { writeChat } from '../../prompt/chat-prompt.js';
import { systemFingerprint } from '../system-fingerprint.js';
import { parseBody } from '../validation.js';
import type { RouteContext } from '../route-context.js';
import { chatLogProbabilities } from './chat-log-probabilities.js';
import { chatNeutral, chatSchema, toChatInput, toChatLikelihoods, type ChatBody } from './chat-schema.js';
import { toCacheUse, toSampling, toStopConditions } from './sampling-schema.js';
import { serveCompletion, type AnswerFormat } from './serve-completion.js';
import { servedTier, toStanding, userOf } from './standing-schema.js';

/** `POST /v1/chat/completions` */
export function chatRoute(server: FastifyInstance, context: RouteContext): void {
  server.post('/v1/chat/completions', async (request, reply) => {
    const body = parseBody(chatSchema, request.body, chatNeutral);
    const id = `chatcmpl-${randomUUID()}`;
    const includeUsage = body.stream_options?.include_usage === true;
    const standing = { ...toStanding(body, request.headers), ...toChatLikelihoods(body) };
    await serveCompletion(
      {
        modelId: body.model,
        plan: async ({ info }) => {
          const rules = rulesFor(body.model, context);
          const { prompt } = writeChat(info, toChatInput(body), rules);
          const file = await context.pool.find(body.model);
          return {
            requests: [
              {
                id,
                ...standing,
                prompt,
                choices: body.n,
                sampling: toSampling(body),
                stop: toStopConditions(body, body.max_completion_tokens ?? body.max_tokens),
                cache: toCacheUse(body),
              },
            ],
            format: chatFormat(id, body, includeUsage, systemFingerprint(file, info, rules)),
          };
        },
        stream: body.stream,
        includeUsage,
        user: userOf(body),
      },
      reply,
      context,
    );
  });
}

function rulesFor(model: string, { pool }: RouteContext): StableRuleSwitches {
  return settingsOf(pool.settings, pool.idOf(model)).stablePrompts;
}

function chatFormat(
  id: string,
  body: ChatBody,
  includeUsage: boolean,
  system_fingerprint: string,
): AnswerFormat {
  const { model } = body;
  const service_tier = servedTier(body);
  const tier = service_tier === undefined ? {} : { service_tier };
  const logprobs = (tokens: readonly TokenLikelihood[] = []): object | null =>
    body.logprobs ? chatLogProbabilities(tokens) : null;
  const created = Math.floor(Date.now() / 1000);
  const chunk = (choices: object[], usage: object | null = null): object => ({
    id,
    object: 'chat.completion.chunk',
    created,
    model,
    system_fingerprint,
    ...tier,
    choices,
    ...(includeUsage ? { usage } : {}),
  });
  const delta = (index: number, fields: object, rest: object = {}): object =>
    chunk([{ index, delta: fields, logprobs: null, finish_reason: null, ...rest }]);
  return {
    opening: (choice) => delta(choice, { role: 'assistant', content: '' }),
    delta: (choice, text, tokens) => delta(choice, { content: text }, { logprobs: logprobs(tokens) }),
    finish: (choice, reason) => delta(choice, {}, { finish_reason: reason }),
    usage: (usage) => chunk([], usage),
    whole: (choices, usage) => ({
      id,
      object: 'chat.completion',
      created,
      model,
      system_fingerprint,
      ...tier,
      choices: choices.map(({ text, reason, likelihoods }, index) => ({
        index,
        message: { role: 'assistant', content: text, refusal: null },
        logprobs: logprobs(likelihoods),
        finish_reason: reason,
      })),
      usage,
    }),
  };
}

import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { StableRuleSwitches } from '../../core/stable-rules.js';
import { settingsOf } from '../../pool/pool-settings.js';
import { writeChat } from '../../prompt/chat-prompt.js';
import { parseBody } from '../validation.js';
import type { RouteContext } from '../route-context.js';
import { chatNeutral, chatSchema, toChatInput, type ChatBody } from './chat-schema.js';
import { toGrammar } from './output-schema.js';
import { toCacheUse, toSampling, toStopConditions } from './sampling-schema.js';
import { serveCompletion, type AnswerFormat } from './serve-completion.js';
import { toStanding } from './standing-schema.js';

/** `POST /v1/chat/completions` */
export function chatRoute(server: FastifyInstance, context: RouteContext): void {
  server.post('/v1/chat/completions', async (request, reply) => {
    const body = parseBody(chatSchema, request.body, chatNeutral);
    const id = `chatcmpl-${randomUUID()}`;
    const includeUsage = body.stream_options?.include_usage === true;
    const standing = toStanding(body, request.headers);
    const grammar = toGrammar(body);
    await serveCompletion(
      {
        modelId: body.model,
        requests: (info) => [
          {
            id,
            ...standing,
            prompt: writeChat(info, toChatInput(body), rulesFor(body.model, context)).prompt,
            choices: body.n,
            sampling: toSampling(body),
            stop: toStopConditions(body, body.max_completion_tokens ?? body.max_tokens),
            cache: toCacheUse(body),
            ...(grammar === undefined ? {} : { grammar }),
          },
        ],
        format: chatFormat(id, body, includeUsage),
        stream: body.stream,
        includeUsage,
        user: body.user,
      },
      reply,
      context,
    );
  });
}

function rulesFor(model: string, { pool }: RouteContext): StableRuleSwitches {
  return settingsOf(pool.settings, pool.idOf(model)).stablePrompts;
}

function chatFormat(id: string, { model }: ChatBody, includeUsage: boolean): AnswerFormat {
  const created = Math.floor(Date.now() / 1000);
  const chunk = (choices: object[], usage: object | null = null): object => ({
    id,
    object: 'chat.completion.chunk',
    created,
    model,
    choices,
    ...(includeUsage ? { usage } : {}),
  });
  const delta = (index: number, fields: object, finish_reason: string | null = null): object =>
    chunk([{ index, delta: fields, logprobs: null, finish_reason }]);
  return {
    opening: (choice) => delta(choice, { role: 'assistant', content: '' }),
    delta: (choice, text) => delta(choice, { content: text }),
    finish: (choice, reason) => delta(choice, {}, reason),
    usage: (usage) => chunk([], usage),
    whole: (choices, usage) => ({
      id,
      object: 'chat.completion',
      created,
      model,
      choices: choices.map(({ text, reason }, index) => ({
        index,
        message: { role: 'assistant', content: text, refusal: null },
        logprobs: null,
        finish_reason: reason,
      })),
      usage,
    }),
  };
}

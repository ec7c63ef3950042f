import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { defaultStop } from '../../core/sampling-defaults.js';
import { defaultCacheUse } from '../../core/prompt-cache.js';
import { settingsOf } from '../../pool/pool-settings.js';
import { toStanding } from '../openai/standing-schema.js';
import type { RouteContext } from '../route-context.js';
import { serveAnswer } from '../serve-answer.js';
import { parseBody } from '../validation.js';
import { checkHeaders } from './api-headers.js';
import { messagesFormat } from './messages-format.js';
import { messagesPrompt } from './messages-prompt.js';
import { messagesNeutral, messagesSchema, toSampling, type MessagesBody } from './messages-schema.js';
import { toOfferedTools } from './tool-schema.js';

/** `POST /v1/messages` */
export function messagesRoute(server: FastifyInstance, context: RouteContext): void {
  const { pool } = context;
  server.post('/v1/messages', async (request, reply) => {
    checkHeaders(request.headers);
    const body = parseBody(messagesSchema, request.body, messagesNeutral);
    const id = `msg_${randomBytes(12).toString('hex')}`;
    const { model, max_tokens: maxTokens, stop_sequences: stopStrings } = body;
    const user = body.metadata.user_id ?? undefined;
    const toPrompt = messagesPrompt(body, settingsOf(pool.settings, pool.idOf(model)).stablePrompts);
    const generation = {
      id,
      ...toStanding({ user }, request.headers),
      choices: 1,
      sampling: toSampling(body),
      stop: { ...defaultStop, stopStrings, maxTokens },
      cache: defaultCacheUse,
    };
    await serveAnswer(
      {
        modelId: model,
        prompts: (info) => [toPrompt(info, generation)],
        format: messagesFormat({
          id,
          model,
          requestId: request.id,
          maxTokens,
          ttl: longestTtl(body),
          omitsThinking: omitsThinking(body),
          heldBack: toOfferedTools(body).heldBack,
        }),
        stream: body.stream,
        user,
      },
      reply,
      context,
    );
  });
}

function omitsThinking({ thinking }: MessagesBody): boolean {
  return thinking !== undefined && thinking.type !== 'disabled' && thinking.display === 'omitted';
}

/** Of all marks. */
function longestTtl({ cache_control: mark, system, messages, tools }: MessagesBody): '5m' | '1h' {
  const marks = [mark, ...[...system, ...tools].map(({ cache_control: each }) => each)];
  for (const { content } of messages)
    for (const block of content) if ('cache_control' in block) marks.push(block.cache_control);
  return marks.some((each) => each?.ttl === '1h') ? '1h' : '5m';
}

import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { HeddleError } from '../../core/errors.js';
import type { ModelInfo } from '../../core/model-runner.js';
import { settingsOf } from '../../pool/pool-settings.js';
import type { ChatMessage } from '../../prompt/chat-message.js';
import { plainParser } from '../../prompt/output/plain-parser.js';
import { chatPrompt } from '../chat-prompt.js';
import { grammarOf } from '../content-wish.js';
import { textPrompt } from '../openai/completions-schema.js';
import type { RouteContext } from '../route-context.js';
import { parseBody } from '../validation.js';
import { generateNeutral, generateSchema } from './generate-schema.js';
import { toContentForm } from './output-format.js';
import { serveText } from './serve-text.js';
import { thinkVariables } from './think.js';

type GenerateBody = z.infer<typeof generateSchema>;

/** `POST /api/generate`: a chat of one message, or a text that is gone on with as it is. */
export function generateRoute(server: FastifyInstance, context: RouteContext): void {
  server.post('/api/generate', async (request, reply) => {
    const body = parseBody(generateSchema, request.body, generateNeutral);
    checkRaw(body);
    const form = toContentForm(body.format);
    const grammar = grammarOf(form);
    await serveText(
      {
        body,
        isEmpty: body.prompt === '',
        prompt: (info, generation, modelId) => {
          const variables = body.raw ? {} : thinkVariables(info, body.think);
          if (isPlain(body, info)) {
            return {
              request: {
                ...generation,
                prompt: textPrompt(body.prompt),
                ...(grammar === undefined ? {} : { grammar }),
              },
              newParser: () => plainParser,
            };
          }
          const rules = settingsOf(context.pool.settings, context.pool.idOf(modelId)).stablePrompts;
          return chatPrompt(
            info,
            { chat: { messages: toMessages(body), variables }, rules, tools: [], content: form },
            generation,
          );
        },
        fields: ({ content, thinking }) => ({
          response: content,
          ...(thinking === undefined ? {} : { thinking }),
        }),
      },
      request,
      reply,
      context,
    );
  });
}

/** @throws HeddleError `invalid_parameter` for what a template would do, where none is used */
function checkRaw({ raw, system, think }: GenerateBody): void {
  if (!raw) return;
  const param = system === '' ? 'think' : 'system';
  if (system === '' && think === undefined) return;
  throw new HeddleError('invalid_parameter', `"${param}": a raw prompt is sent as it is; leave it out.`, {
    param,
  });
}

/** Models that have no template go on with the prompt, as they were trained to. */
function isPlain({ raw, system }: GenerateBody, { chatTemplate }: ModelInfo): boolean {
  return raw || (chatTemplate === undefined && system === '');
}

function toMessages({ system, prompt }: GenerateBody): ChatMessage[] {
  return [
    ...(system === '' ? [] : [{ role: 'system' as const, content: system }]),
    { role: 'user', content: prompt },
  ];
}

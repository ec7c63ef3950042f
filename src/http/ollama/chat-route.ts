import type { FastifyInstance } from 'fastify';
import { settingsOf } from '../../pool/pool-settings.js';
import { chatPrompt } from '../chat-prompt.js';
import { toOfferedTools } from '../openai/tool-schema.js';
import type { RouteContext } from '../route-context.js';
import { parseBody } from '../validation.js';
import { chatSchema, toChatMessages } from './chat-schema.js';
import { toContentForm } from './output-format.js';
import { serveText } from './serve-text.js';
import type { TextPart } from './text-format.js';
import { thinkVariables } from './think.js';

/** `POST /api/chat` */
export function chatRoute(server: FastifyInstance, context: RouteContext): void {
  server.post('/api/chat', async (request, reply) => {
    const body = parseBody(chatSchema, request.body);
    const { sent, definitions, calls } = toOfferedTools({
      tools: body.tools,
      tool_choice: 'auto',
      parallel_tool_calls: true,
    });
    const messages = toChatMessages(body.messages);
    const content = toContentForm(body.format);
    await serveText(
      {
        body,
        isEmpty: messages.length === 0,
        prompt: (info, generation, modelId) =>
          chatPrompt(
            info,
            {
              chat: {
                messages,
                variables: {
                  ...thinkVariables(info, body.think),
                  ...(sent.length === 0 ? {} : { tools: sent }),
                },
              },
              rules: settingsOf(context.pool.settings, context.pool.idOf(modelId)).stablePrompts,
              tools: definitions,
              calls,
              content,
            },
            generation,
          ),
        fields: messageField,
      },
      request,
      reply,
      context,
    );
  });
}

function messageField({ content, thinking, calls }: TextPart): object {
  return {
    message: {
      role: 'assistant',
      content,
      ...(thinking === undefined ? {} : { thinking }),
      ...(calls === undefined ? {} : { tool_calls: calls }),
    },
  };
}

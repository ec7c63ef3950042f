import { z } from 'zod';
import { countTokensSchema, messagesNeutral, messagesSchema } from '../../anthropic/messages-schema.js';
import { eventSchema, messageSchema, tokenCount } from '../answers/messages.js';
import { countedMessage, messages } from '../descriptions/anthropic.js';
import type { Operation, RequestHeader } from '../operation.js';
import { chatErrors } from './errors.js';

const headers: readonly RequestHeader[] = [
  {
    name: 'anthropic-version',
    description: 'A date from `2023-06-01` on, or missing; the answers are the same for all',
    schema: z.iso.date().optional(),
  },
  {
    name: 'anthropic-beta',
    description: 'Any names: a beta allows parameters, and each of these is honoured or refused by itself',
    schema: z.string().optional(),
  },
];

const chat = { model: 'starter', messages: [{ role: 'user', content: 'What is the capital of Japan?' }] };

/** Anthropic's Messages. */
export const anthropicOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/messages',
    id: 'createMessage',
    tag: 'Anthropic',
    summary: 'Answers a chat',
    description:
      'For clients and agents of Anthropic. The content has `text`, `thinking` and `tool_use` blocks in the order in which the model wrote them.',
    headers,
    body: {
      name: 'MessageRequest',
      schema: messagesSchema,
      neutral: messagesNeutral,
      descriptions: messages,
    },
    answer: {
      kind: 'json',
      description: 'The message, whole',
      body: { name: 'Message', schema: messageSchema },
    },
    stream: {
      contentType: 'text/event-stream',
      description:
        'With `stream`: events named by their `type`, from `message_start` to `message_stop`. `ping` comes after each 10 seconds of silence in which the engine computed something. An error is the last event.',
      item: { name: 'MessageEvent', schema: eventSchema },
    },
    errors: chatErrors,
    example: { ...chat, max_tokens: 200 },
  },
  {
    method: 'post',
    path: '/v1/messages/count_tokens',
    id: 'countMessageTokens',
    tag: 'Anthropic',
    summary: 'Counts the tokens of a chat',
    description: 'With the model itself, which is loaded if it is not. Nothing is computed.',
    headers,
    body: {
      name: 'CountTokensRequest',
      schema: countTokensSchema,
      neutral: messagesNeutral,
      descriptions: countedMessage,
    },
    answer: { kind: 'json', description: 'The count', body: { name: 'TokenCount', schema: tokenCount } },
    errors: chatErrors,
    example: chat,
  },
];

import { z } from 'zod';
import { HeddleError } from '../../core/errors.js';
import { mostLikelyTokens, type LikelihoodWish } from '../../core/likelihood.js';
import type { ChatMessage } from '../../prompt/chat-message.js';
import type { ChatInput } from '../../prompt/stable/chat-input.js';
import { reasoningEfforts } from '../../prompt/thinking.js';
import { outputFields } from './output-schema.js';
import { samplingFields } from './sampling-schema.js';
import { standingFields } from './standing-schema.js';
import { toolFields } from './tool-schema.js';

const textPart = z.strictObject({ type: z.literal('text'), text: z.string() });
const content = z.union([z.string(), z.array(textPart).min(1)], {
  error: 'content must be a string or a list of text parts; images, audio and files are not supported',
});

/** As an answer has it. What the official clients' helpers add to it says nothing new, and is taken away. */
const toolCall = z
  .strictObject({
    id: z.string(),
    type: z.literal('function'),
    function: z.strictObject({
      name: z.string(),
      arguments: z.string(),
      parsed_arguments: z.unknown().optional(),
    }),
    index: z.int().optional(),
  })
  .transform(({ id, type, function: { name, arguments: text } }) => ({
    id,
    type,
    function: { name, arguments: text },
  }));

const message = z.discriminatedUnion(
  'role',
  [
    z.strictObject({ role: z.literal('system'), content, name: z.string().optional() }),
    z.strictObject({ role: z.literal('developer'), content, name: z.string().optional() }),
    z.strictObject({ role: z.literal('user'), content, name: z.string().optional() }),
    z.strictObject({
      role: z.literal('assistant'),
      content: content.nullish(),
      name: z.string().optional(),
      refusal: z.null().optional(),
      reasoning_content: z.string().nullish(),
      tool_calls: z.array(toolCall).nullish(),
      /** Those of the official clients' helpers. */
      parsed: z.unknown().optional(),
    }),
    z.strictObject({
      role: z.literal('tool'),
      content,
      tool_call_id: z.string(),
      name: z.string().optional(),
    }),
  ],
  { error: 'role must be system, developer, user, assistant or tool' },
);

/** The body of `POST /v1/chat/completions`. */
export const chatSchema = z.strictObject({
  ...samplingFields,
  ...standingFields,
  ...toolFields,
  ...outputFields,
  model: z.string().min(1),
  messages: z.array(message).min(1, 'there must be at least one message'),
  max_completion_tokens: z.int().min(1).optional(),
  logprobs: z.boolean().default(false),
  top_logprobs: z.int().min(0).max(mostLikelyTokens).default(0),
  /** What is kept of a prompt is found by the prompt itself, so that this has nothing to add. */
  prompt_cache_key: z.string().max(1024).optional(),
  /** Further variables for the model's chat template, such as `enable_thinking`. */
  chat_template_kwargs: z.record(z.string(), z.unknown()).default({}),
  reasoning_effort: z.enum(reasoningEfforts).optional(),
  /** llama.cpp's name: `none` leaves reasoning in the content. */
  reasoning_format: z.enum(['auto', 'none']).default('auto'),
  /** Tokens of reasoning at most. */
  thinking_budget: z.int().min(0).optional(),
});

export type ChatBody = z.infer<typeof chatSchema>;

/** Parameters of the API that are not supported, with the values that ask for nothing. */
export const chatNeutral: Readonly<Record<string, readonly unknown[]>> = {
  functions: [[]],
  function_call: ['none', 'auto'],
  prompt_cache_options: [{}, { mode: 'implicit' }],
  prompt_cache_retention: ['in_memory'],
  verbosity: ['medium'],
  modalities: [['text']],
  store: [false],
  metadata: [{}],
};

/**
 * What the request wants to know of each token.
 * @throws HeddleError `invalid_parameter` when it wants the most likely tokens without the log-probabilities
 */
export function toChatLikelihoods({ logprobs, top_logprobs }: Pick<ChatBody, 'logprobs' | 'top_logprobs'>): {
  likelihoods?: LikelihoodWish;
} {
  if (logprobs) return { likelihoods: { top: top_logprobs } };
  if (top_logprobs === 0) return {};
  throw new HeddleError('invalid_parameter', '"top_logprobs": it goes with "logprobs": true', {
    param: 'top_logprobs',
  });
}

/**
 * What the model's chat template is given.
 * @param tools as they were sent
 */
export function toChatInput(
  { messages, chat_template_kwargs }: Pick<ChatBody, 'messages' | 'chat_template_kwargs'>,
  tools: readonly object[],
): ChatInput {
  const variables = tools.length === 0 ? chat_template_kwargs : { ...chat_template_kwargs, tools };
  return { messages: toChatMessages(messages), variables };
}

/** Messages as chat templates read them: `developer` is today's name for `system`, and text parts are lines. */
function toChatMessages(messages: ChatBody['messages']): ChatMessage[] {
  return messages.map(({ role, content: parts, ...fields }) => {
    const { parsed: _, ...rest } = { parsed: undefined, ...fields };
    return {
      ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null)),
      role: role === 'developer' ? 'system' : role,
      content: typeof parts === 'string' ? parts : (parts ?? []).map((part) => part.text).join('\n'),
    };
  });
}

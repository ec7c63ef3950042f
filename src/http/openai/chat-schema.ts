import { z } from 'zod';
import type { ChatMessage } from '../../prompt/chat-template.js';
import type { ChatInput } from '../../prompt/stable/chat-input.js';
import { outputFields } from './output-schema.js';
import { samplingFields } from './sampling-schema.js';
import { standingFields } from './standing-schema.js';

const textPart = z.strictObject({ type: z.literal('text'), text: z.string() });
const content = z.union([z.string(), z.array(textPart).min(1)], {
  error: 'content must be a string or a list of text parts; images, audio and files are not supported',
});

const toolCall = z.strictObject({
  id: z.string(),
  type: z.literal('function'),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
});

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
      tool_calls: z.array(toolCall).optional(),
    }),
    z.strictObject({ role: z.literal('tool'), content, tool_call_id: z.string() }),
  ],
  { error: 'role must be system, developer, user, assistant or tool' },
);

/** The body of `POST /v1/chat/completions`. */
export const chatSchema = z.strictObject({
  ...samplingFields,
  ...standingFields,
  ...outputFields,
  model: z.string().min(1),
  messages: z.array(message).min(1, 'there must be at least one message'),
  max_completion_tokens: z.int().min(1).optional(),
  /** Further variables for the model's chat template, such as `enable_thinking`. */
  chat_template_kwargs: z.record(z.string(), z.unknown()).default({}),
});

export type ChatBody = z.infer<typeof chatSchema>;

/** Parameters of the API that are not supported, with the values that ask for nothing. */
export const chatNeutral: Readonly<Record<string, readonly unknown[]>> = {
  tools: [[]],
  tool_choice: ['none', 'auto'],
  parallel_tool_calls: [true, false],
  functions: [[]],
  function_call: ['none', 'auto'],
  logprobs: [false],
  top_logprobs: [0],
  modalities: [['text']],
  store: [false],
  metadata: [{}],
};

/** What the model's chat template is given. */
export function toChatInput(body: Pick<ChatBody, 'messages' | 'chat_template_kwargs'>): ChatInput {
  return { messages: toChatMessages(body.messages), variables: body.chat_template_kwargs };
}

/** Messages as chat templates read them: `developer` is today's name for `system`, and text parts are lines. */
function toChatMessages(messages: ChatBody['messages']): ChatMessage[] {
  return messages.map(({ role, content: parts, ...fields }) => ({
    ...fields,
    role: role === 'developer' ? 'system' : role,
    content: typeof parts === 'string' ? parts : (parts ?? []).map((part) => part.text).join('\n'),
  }));
}

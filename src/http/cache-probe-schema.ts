import { z } from 'zod';
import { chatSchema } from './openai/chat-schema.js';
import { samplingFields } from './openai/sampling-schema.js';

const { messages, chat_template_kwargs, reasoning_effort, tools } = chatSchema.shape;

/** A prompt is a chat, or a text as completions take it. */
const promptFields = {
  messages: messages.optional(),
  prompt: z.string().min(1).optional(),
  chat_template_kwargs,
  reasoning_effort,
  tools,
};

const eitherOne = {
  error: 'there must be either messages or a prompt',
  path: ['messages'],
};

const hasOne = (fields: { messages?: unknown; prompt?: unknown }): boolean =>
  (fields.messages === undefined) !== (fields.prompt === undefined);

const promptSchema = z.strictObject(promptFields).refine(hasOne, eitherOne);

/** The body of `POST /admin/cache/probe`. */
export const cacheProbeSchema = z
  .strictObject({
    ...promptFields,
    model: chatSchema.shape.model,
    cache_salt: samplingFields.cache_salt,
    /** Another prompt, to be told where the two first differ. */
    against: promptSchema.optional(),
  })
  .refine(hasOne, eitherOne);

/** One of the prompts of a probe. */
export type ProbePrompt = z.infer<typeof promptSchema>;

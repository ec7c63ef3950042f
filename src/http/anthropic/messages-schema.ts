import { z } from 'zod';
import { defaultSampling } from '../../core/sampling-defaults.js';
import type { SamplingParams } from '../../core/generation.js';
import { cacheControl, message, systemContent } from './content-schema.js';
import { contextManagement } from './context-management.js';
import { outputFields } from './output-schema.js';
import { thinkingFields } from './thinking-schema.js';
import { toolFields } from './tool-schema.js';

/** What makes the prompt: the parameters that messages and the counting of their tokens have in common. */
const promptFields = {
  ...toolFields,
  ...thinkingFields,
  ...outputFields,
  model: z.string().min(1),
  messages: z.array(message).min(1, 'there must be at least one message'),
  system: systemContent.default([]),
  /** The same as a mark on the last block. */
  cache_control: cacheControl.optional(),
  context_management: contextManagement.default({ edits: [] }),
};

/** The body of `POST /v1/messages/count_tokens`. */
export const countTokensSchema = z.strictObject(promptFields);

/** The body of `POST /v1/messages`. */
export const messagesSchema = z
  .strictObject({
    ...promptFields,
    max_tokens: z.int().min(1),
    stream: z.boolean().default(false),
    temperature: z.number().min(0).max(1).default(defaultSampling.temperature),
    top_p: z.number().gt(0).max(1).default(defaultSampling.topP),
    top_k: z.int().min(0).default(defaultSampling.topK),
    stop_sequences: z.array(z.string().min(1)).default([]),
    metadata: z.strictObject({ user_id: z.string().max(512).nullish() }).default({}),
    /** There is one tier, and it is the standard one. */
    service_tier: z.enum(['auto', 'standard_only']).default('auto'),
  })
  .refine(({ thinking, max_tokens: most }) => thinking?.type !== 'enabled' || thinking.budget_tokens < most, {
    error: 'budget_tokens must be less than max_tokens',
    path: ['thinking', 'budget_tokens'],
  });

export type MessagesBody = z.infer<typeof messagesSchema>;
export type PromptBody = z.infer<typeof countTokensSchema>;

/** Parameters of the API that are not supported, with the values that ask for nothing. */
export const messagesNeutral: Readonly<Record<string, readonly unknown[]>> = {
  container: [],
  diagnostics: [],
  inference_geo: [],
  speed: ['standard'],
  mcp_servers: [[]],
};

export function toSampling({ temperature, top_p: topP, top_k: topK }: MessagesBody): SamplingParams {
  return { ...defaultSampling, temperature, topP, topK };
}

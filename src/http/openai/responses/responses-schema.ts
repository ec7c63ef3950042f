import { z } from 'zod';
import { mostLikelyTokens } from '../../../core/likelihood.js';
import { reasoningEfforts } from '../../../prompt/thinking.js';
import { samplingFields } from '../sampling-schema.js';
import { standingFields } from '../standing-schema.js';
import { inputField } from './input-schema.js';
import { textField } from './text-schema.js';
import { toolFields } from './tools-schema.js';

/** Those of chat completions that have another name here, or no place: there is one choice, and usage always. */
const { n: _n, max_tokens: _maxTokens, stream_options: _streamOptions, ...sampling } = samplingFields;

const reasoning = z.strictObject({
  effort: z.enum(reasoningEfforts).nullish(),
  summary: z.string().nullish(),
  generate_summary: z.string().nullish(),
  context: z.string().nullish(),
  mode: z.string().nullish(),
});

/** As OpenAI limits it. */
const metadata = z
  .record(z.string().max(64, 'a key has 64 characters at most'), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= 16, 'there may be 16 pairs')
  .default({});

/** The body of `POST /v1/responses`. What it takes can still be refused by `checkSupported`. */
export const responsesSchema = z.strictObject({
  ...sampling,
  ...standingFields,
  ...toolFields,
  model: z.string().min(1),
  input: inputField,
  instructions: z.string().optional(),
  previous_response_id: z.string().min(1).max(256).optional(),
  store: z.boolean().default(true),
  max_output_tokens: z.int().min(1).optional(),
  reasoning: reasoning.default({}),
  text: textField,
  include: z.array(z.string()).default([]),
  /** Of the most likely tokens at each place. */
  top_logprobs: z.int().min(0).max(mostLikelyTokens).default(0),
  metadata,
  stream_options: z.strictObject({ include_obfuscation: z.boolean().nullish() }).default({}),
  /** All requests are at the one place where what they have in common is kept: so this is told back, and that is all. */
  prompt_cache_key: z.string().max(512).optional(),
  /** Further variables for the model's chat template, such as `enable_thinking`. */
  chat_template_kwargs: z.record(z.string(), z.unknown()).default({}),
  /** Tokens of reasoning at most. */
  thinking_budget: z.int().min(0).optional(),
});

export type ResponsesBody = z.infer<typeof responsesSchema>;

/** Parameters of the API that are not supported, with the values that ask for nothing. */
export const responsesNeutral: Readonly<Record<string, readonly unknown[]>> = {
  background: [false],
  context_management: [[]],
  conversation: [],
  moderation: [],
  prompt: [],
  prompt_cache_options: [{ mode: 'implicit' }],
  prompt_cache_retention: [],
  truncation: ['disabled'],
};

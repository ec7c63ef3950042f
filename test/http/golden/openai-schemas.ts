import { z } from 'zod';

/*
 * What the OpenAI API answers with, field by field, from the types of its published SDK (`openai`,
 * resources/completions.d.ts and resources/chat/completions/completions.d.ts). Strict: a field that is not published is an
 * error here.
 */

const logprob = z.number().max(0).min(-9999);
const bytes = z.array(z.int().min(0).max(255)).min(1).nullable();
const topLogprob = z.strictObject({ token: z.string(), bytes, logprob });
const tokenLogprob = z.strictObject({
  token: z.string(),
  bytes,
  logprob,
  top_logprobs: z.array(topLogprob).max(20),
});

const chatLogprobs = z
  .strictObject({ content: z.array(tokenLogprob).nullable(), refusal: z.array(tokenLogprob).nullable() })
  .nullable();

const count = z.int().min(0);

const usage = z
  .strictObject({
    completion_tokens: count,
    prompt_tokens: count,
    total_tokens: count,
    completion_tokens_details: z
      .strictObject({
        accepted_prediction_tokens: count.optional(),
        audio_tokens: count.optional(),
        reasoning_tokens: count.optional(),
        rejected_prediction_tokens: count.optional(),
      })
      .optional(),
    prompt_tokens_details: z
      .strictObject({
        audio_tokens: count.optional(),
        cache_write_tokens: count.optional(),
        cached_tokens: count.optional(),
      })
      .optional(),
  })
  .refine(({ prompt_tokens, completion_tokens, total_tokens }) => {
    return total_tokens === prompt_tokens + completion_tokens;
  }, 'the total is the sum');

/** Unix seconds: not milliseconds, and not a number that nobody thought about. */
const created = z.int().min(1_600_000_000).max(10_000_000_000);

const chatFinish = z.enum(['stop', 'length', 'tool_calls', 'content_filter', 'function_call']);
const serviceTier = z.enum(['auto', 'default', 'flex', 'scale', 'priority']).nullish();

const toolCallDelta = z.strictObject({
  index: count,
  id: z.string().optional(),
  function: z.strictObject({ arguments: z.string().optional(), name: z.string().optional() }).optional(),
  type: z.literal('function').optional(),
});

export const chatChunkSchema = z.strictObject({
  id: z.string().regex(/^chatcmpl-/),
  choices: z.array(
    z.strictObject({
      delta: z.strictObject({
        content: z.string().nullish(),
        refusal: z.string().nullish(),
        role: z.literal('assistant').optional(),
        tool_calls: z.array(toolCallDelta).optional(),
      }),
      finish_reason: chatFinish.nullable(),
      index: count,
      logprobs: chatLogprobs.optional(),
    }),
  ),
  created,
  model: z.string(),
  object: z.literal('chat.completion.chunk'),
  service_tier: serviceTier,
  system_fingerprint: z.string().regex(/^fp_[0-9a-f]+$/),
  usage: usage.nullish(),
});

export const chatCompletionSchema = z.strictObject({
  id: z.string().regex(/^chatcmpl-/),
  choices: z
    .array(
      z.strictObject({
        finish_reason: chatFinish,
        index: count,
        logprobs: chatLogprobs,
        message: z.strictObject({
          content: z.string().nullable(),
          refusal: z.string().nullable(),
          role: z.literal('assistant'),
          tool_calls: z
            .array(
              z.strictObject({
                id: z.string(),
                type: z.literal('function'),
                function: z.strictObject({ name: z.string(), arguments: z.string() }),
              }),
            )
            .optional(),
        }),
      }),
    )
    .min(1),
  created,
  model: z.string(),
  object: z.literal('chat.completion'),
  service_tier: serviceTier,
  system_fingerprint: z.string().regex(/^fp_[0-9a-f]+$/),
  usage,
});

/** Of an echoed prompt, the first token has no probability. */
const textLogprobs = z
  .strictObject({
    text_offset: z.array(count),
    token_logprobs: z.array(logprob.nullable()),
    tokens: z.array(z.string()),
    top_logprobs: z.array(z.record(z.string(), logprob).nullable()),
  })
  .refine(({ text_offset, token_logprobs, tokens, top_logprobs }) => {
    const lengths = [text_offset, token_logprobs, tokens, top_logprobs].map(({ length }) => length);
    return new Set(lengths).size === 1;
  }, 'columns have one length')
  .nullable();

/** Events and whole answers have one shape; the reason is null in an event that is not the last of its choice. */
const textAnswer = z.strictObject({
  id: z.string().regex(/^cmpl-/),
  choices: z.array(
    z.strictObject({
      finish_reason: z.enum(['stop', 'length', 'content_filter']).nullable(),
      index: count,
      logprobs: textLogprobs,
      text: z.string(),
    }),
  ),
  created,
  model: z.string(),
  object: z.literal('text_completion'),
  system_fingerprint: z.string().regex(/^fp_[0-9a-f]+$/),
  usage: usage.nullish(),
});

export const textChunkSchema = textAnswer;

export const textCompletionSchema = textAnswer.extend({
  choices: z
    .array(textAnswer.shape.choices.element.extend({ finish_reason: z.enum(['stop', 'length']) }))
    .min(1),
  usage,
});

export type ChatChunk = z.infer<typeof chatChunkSchema>;
export type ChatCompletion = z.infer<typeof chatCompletionSchema>;
export type TextChunk = z.infer<typeof textChunkSchema>;
export type TextCompletion = z.infer<typeof textCompletionSchema>;

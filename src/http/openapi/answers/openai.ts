import { z } from 'zod';

const count = z.int().min(0);
const created = z.int().describe('Seconds since 1970');
const fingerprint = z
  .string()
  .describe('Where it is the same, so is the answer to the same request with the same seed');
const warnings = z
  .array(z.string())
  .optional()
  .describe("heddle's own: what was not as the model's format asks");

/** Token counts. */
const usage = z.strictObject({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: z.strictObject({
    cached_tokens: count.describe(
      'Tokens that were not computed, since an earlier request had computed them',
    ),
  }),
  completion_tokens_details: z.strictObject({ reasoning_tokens: count }),
});

const logprob = z.number().max(0).min(-9999).describe('Natural logarithm');
const spelled = {
  token: z.string(),
  logprob,
  bytes: z.array(z.int().min(0).max(255)).min(1).nullable(),
};
const chatLogprobs = z
  .strictObject({
    content: z.array(z.strictObject({ ...spelled, top_logprobs: z.array(z.strictObject(spelled)) })),
    refusal: z.null(),
  })
  .nullable();

const served = {
  created,
  model: z.string(),
  system_fingerprint: fingerprint,
  service_tier: z.enum(['default', 'priority', 'flex']).optional(),
};

const call = z.strictObject({
  id: z.string(),
  type: z.literal('function'),
  function: z.strictObject({ name: z.string(), arguments: z.string().describe('JSON') }),
});

const chatEnd = z.enum(['stop', 'length', 'tool_calls']);

/** The answer of `POST /v1/chat/completions`. */
export const chatCompletion = z.strictObject({
  id: z.string(),
  object: z.literal('chat.completion'),
  ...served,
  choices: z.array(
    z.strictObject({
      index: count,
      message: z.strictObject({
        role: z.literal('assistant'),
        content: z.string().nullable(),
        reasoning_content: z.string().optional(),
        refusal: z.null(),
        tool_calls: z.array(call).optional(),
      }),
      logprobs: chatLogprobs,
      finish_reason: chatEnd,
      warnings,
    }),
  ),
  usage,
});

/** The beginning of a call, or more of its arguments. */
const callDelta = z.union([
  call.extend({ index: count }),
  z.strictObject({ index: count, function: z.strictObject({ arguments: z.string() }) }),
]);

const chunkUsage = usage
  .nullable()
  .optional()
  .describe('With stream_options.include_usage: of the last event, and null in the others');

/** An event of a streamed chat. */
export const chatChunk = z.strictObject({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  ...served,
  choices: z.array(
    z.strictObject({
      index: count,
      delta: z.strictObject({
        role: z.literal('assistant').optional(),
        content: z.string().optional(),
        reasoning_content: z.string().optional(),
        tool_calls: z.array(callDelta).optional(),
      }),
      logprobs: chatLogprobs,
      finish_reason: chatEnd.nullable(),
      warnings,
    }),
  ),
  usage: chunkUsage,
});

const textChoice = z.strictObject({
  index: count,
  text: z.string(),
  logprobs: z
    .strictObject({
      tokens: z.array(z.string()),
      token_logprobs: z.array(logprob.nullable()),
      top_logprobs: z.array(z.record(z.string(), logprob).nullable()),
      text_offset: z.array(count),
    })
    .nullable(),
  finish_reason: z.enum(['stop', 'length']).nullable(),
});

const textHead = {
  id: z.string(),
  object: z.literal('text_completion'),
  created,
  model: z.string(),
  system_fingerprint: fingerprint,
};

/** The answer of `POST /v1/completions`. */
export const textCompletion = z.strictObject({ ...textHead, choices: z.array(textChoice), usage });

/** An event of a streamed text. */
export const textChunk = z.strictObject({ ...textHead, choices: z.array(textChoice), usage: chunkUsage });

const measured = z.strictObject({ prompt_tokens: count, total_tokens: count });

/** The answer of `POST /v1/embeddings`. */
export const embeddingList = z.strictObject({
  object: z.literal('list'),
  data: z.array(
    z.strictObject({
      object: z.literal('embedding'),
      index: count,
      embedding: z.union([
        z.array(z.number()),
        z.string().describe('base64 of 32-bit floats, little-endian'),
      ]),
    }),
  ),
  model: z.string(),
  usage: measured,
});

/** The answer of `POST /v1/rerank`. */
export const ranking = z.strictObject({
  id: z.string(),
  object: z.literal('list'),
  model: z.string(),
  results: z
    .array(
      z.strictObject({
        index: count.describe('Of the document, in the request'),
        relevance_score: z.number().min(0).max(1),
        document: z.strictObject({ text: z.string() }).optional(),
      }),
    )
    .describe('The most relevant first'),
  usage: measured,
  meta: z.strictObject({ tokens: z.strictObject({ input_tokens: count, output_tokens: z.literal(0) }) }),
});

/** A model, with its state here. */
export const model = z.strictObject({
  id: z.string(),
  object: z.literal('model'),
  created: z.int().describe('When its file was changed, in seconds since 1970'),
  owned_by: z.literal('heddle'),
  state: z.enum([
    'unloaded',
    'queued',
    'loading',
    'ready',
    'draining',
    'unloading',
    'settling',
    'failed',
    'quarantined',
  ]),
  kind: z
    .enum(['generation', 'embedding', 'reranking'])
    .nullable()
    .describe("What the model's file says that it is for; null where it can not be read"),
  bytes: z.int().describe('Size of its file'),
  alias_of: z.string().optional().describe('Of an alias: the id of the model that it stands for'),
});

/** The answer of `GET /v1/models`. */
export const modelList = z.strictObject({ object: z.literal('list'), data: z.array(model) });

/** An error: the whole answer, or the last event of a stream. */
export const openaiError = z.strictObject({
  error: z.strictObject({
    message: z.string(),
    type: z.enum(['invalid_request_error', 'rate_limit_error', 'server_error']),
    param: z.string().nullable().describe('Path of the parameter at fault, such as messages[0].content'),
    code: z.string(),
  }),
});

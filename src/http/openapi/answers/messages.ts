import { z } from 'zod';

/*
 * What the published types of the Anthropic API say of answers, as far as heddle sends it. Each object has every field that
 * its type has, and no other.
 */

const count = z.int().min(0);
const nothing = z.null();

const thinkingTokens = z.strictObject({ thinking_tokens: count });

export const cacheCreation = z.strictObject({
  ephemeral_1h_input_tokens: count,
  ephemeral_5m_input_tokens: count,
});

export const usageSchema = z.strictObject({
  cache_creation: cacheCreation,
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count,
  inference_geo: nothing,
  input_tokens: count.min(1),
  output_tokens: count,
  output_tokens_details: thinkingTokens,
  server_tool_use: nothing,
  service_tier: z.literal('standard'),
  speed: nothing,
});

export const deltaUsageSchema = z.strictObject({
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count,
  input_tokens: count.min(1),
  output_tokens: count,
  output_tokens_details: thinkingTokens,
  server_tool_use: nothing,
});

export const textBlock = z.strictObject({
  type: z.literal('text'),
  text: z.string(),
  citations: nothing,
});

export const thinkingBlock = z.strictObject({
  type: z.literal('thinking'),
  thinking: z.string(),
  signature: z.string(),
});

export const toolUseBlock = z.strictObject({
  type: z.literal('tool_use'),
  id: z.string().regex(/^[\w-]+$/),
  name: z.string().min(1),
  input: z.record(z.string(), z.unknown()),
  caller: z.strictObject({ type: z.literal('direct') }),
});

const contentBlock = z.discriminatedUnion('type', [textBlock, thinkingBlock, toolUseBlock]);

const stopReason = z.enum([
  'end_turn',
  'max_tokens',
  'stop_sequence',
  'tool_use',
  'model_context_window_exceeded',
]);

const messageFields = {
  id: z.string().regex(/^msg_[\da-f]{24}$/),
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: z.string(),
  content: z.array(contentBlock),
  container: nothing,
  diagnostics: nothing,
  stop_details: nothing,
  stop_reason: stopReason,
  stop_sequence: z.string().nullable(),
  usage: usageSchema,
};

/** An answer that is whole. */
export const messageSchema = z.strictObject(messageFields);

const index = count;

/** What a block grows by. */
export const deltas = {
  text: z.strictObject({ type: z.literal('text_delta'), text: z.string().min(1) }),
  thinking: z.strictObject({ type: z.literal('thinking_delta'), thinking: z.string().min(1) }),
  signature: z.strictObject({ type: z.literal('signature_delta'), signature: z.string().min(1) }),
  input: z.strictObject({ type: z.literal('input_json_delta'), partial_json: z.string().min(1) }),
} as const;

export const messageDelta = z.strictObject({
  container: nothing,
  stop_details: nothing,
  stop_reason: stopReason,
  stop_sequence: z.string().nullable(),
});

/** An error: the whole answer, or the last event of a stream. */
export const messagesError = z.strictObject({
  type: z.literal('error'),
  error: z.strictObject({ type: z.string(), message: z.string() }),
  request_id: z.string().regex(/^req_/),
});

/** The events of a stream, by their names. */
export const events = {
  start: z.strictObject({
    type: z.literal('message_start'),
    message: z.strictObject({
      ...messageFields,
      content: z.tuple([]),
      stop_reason: nothing,
      stop_sequence: nothing,
    }),
  }),
  blockStart: z.strictObject({
    type: z.literal('content_block_start'),
    index,
    content_block: z.discriminatedUnion('type', [
      textBlock.extend({ text: z.literal('') }),
      thinkingBlock.extend({ thinking: z.literal(''), signature: z.literal('') }),
      toolUseBlock.extend({ input: z.strictObject({}) }),
    ]),
  }),
  blockDelta: z.strictObject({
    type: z.literal('content_block_delta'),
    index,
    delta: z.discriminatedUnion('type', [deltas.text, deltas.thinking, deltas.signature, deltas.input]),
  }),
  blockStop: z.strictObject({ type: z.literal('content_block_stop'), index }),
  delta: z.strictObject({ type: z.literal('message_delta'), delta: messageDelta, usage: deltaUsageSchema }),
  stop: z.strictObject({ type: z.literal('message_stop') }),
  ping: z.strictObject({ type: z.literal('ping') }),
} as const;

/** The data of an event of a stream. */
export const eventSchema = z.discriminatedUnion('type', [
  events.start,
  events.blockStart,
  events.blockDelta,
  events.blockStop,
  events.delta,
  events.stop,
  events.ping,
  messagesError,
]);

export type MessageEvent = z.infer<typeof eventSchema>;

/** The answer of `POST /v1/messages/count_tokens`. */
export const tokenCount = z.strictObject({ input_tokens: count });

/** A model, as Anthropic's clients know it. */
export const anthropicModel = z.strictObject({
  type: z.literal('model'),
  id: z.string(),
  display_name: z.string(),
  created_at: z.iso.datetime(),
  capabilities: nothing,
  lifecycle: z.literal('active'),
  line: nothing,
  deprecated_at: nothing,
  retires_at: nothing,
  max_input_tokens: z.int().nullable().describe('The length of its context; null while it is not loaded'),
  max_tokens: z.int().nullable(),
});

/** A page of the models. */
export const anthropicModels = z.strictObject({
  data: z.array(anthropicModel),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});

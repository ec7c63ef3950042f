import type Anthropic from '@anthropic-ai/sdk';
import { z } from 'zod';

/*
 * What the published types of the Anthropic API say of answers, as far as heddle sends it. Each object has every field that
 * its type has, and no other: the compiler holds the names against the client's own types.
 */

/** The fields of a published type. */
type FieldsOf<T> = { readonly [Name in keyof Required<T>]: z.ZodType };

const count = z.int().min(0);
const nothing = z.null();

const thinkingTokens = z.strictObject({ thinking_tokens: count });

export const usageSchema = z.strictObject({
  cache_creation: z.strictObject({
    ephemeral_1h_input_tokens: count,
    ephemeral_5m_input_tokens: count,
  } satisfies FieldsOf<Anthropic.CacheCreation>),
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count,
  inference_geo: nothing,
  input_tokens: count.min(1),
  output_tokens: count,
  output_tokens_details: thinkingTokens,
  server_tool_use: nothing,
  service_tier: z.literal('standard'),
  speed: nothing,
} satisfies FieldsOf<Anthropic.Usage>);

const deltaUsageSchema = z.strictObject({
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count,
  input_tokens: count.min(1),
  output_tokens: count,
  output_tokens_details: thinkingTokens,
  server_tool_use: nothing,
} satisfies FieldsOf<Anthropic.MessageDeltaUsage>);

const textBlock = z.strictObject({
  type: z.literal('text'),
  text: z.string(),
  citations: nothing,
} satisfies FieldsOf<Anthropic.TextBlock>);

const thinkingBlock = z.strictObject({
  type: z.literal('thinking'),
  thinking: z.string(),
  signature: z.string(),
} satisfies FieldsOf<Anthropic.ThinkingBlock>);

const toolUseBlock = z.strictObject({
  type: z.literal('tool_use'),
  id: z.string().regex(/^[\w-]+$/),
  name: z.string().min(1),
  input: z.record(z.string(), z.unknown()),
  caller: z.strictObject({ type: z.literal('direct') }),
} satisfies FieldsOf<Omit<Anthropic.ToolUseBlock, 'toolset_name'>>);

const contentBlock = z.discriminatedUnion('type', [textBlock, thinkingBlock, toolUseBlock]);

const stopReason = z.enum([
  'end_turn',
  'max_tokens',
  'stop_sequence',
  'tool_use',
  'model_context_window_exceeded',
] satisfies Anthropic.StopReason[]);

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
} satisfies FieldsOf<Anthropic.Message>;

/** An answer that is whole. */
export const messageSchema = z.strictObject(messageFields);

const index = count;

const delta = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('text_delta'),
    text: z.string().min(1),
  } satisfies FieldsOf<Anthropic.TextDelta>),
  z.strictObject({
    type: z.literal('thinking_delta'),
    thinking: z.string().min(1),
  } satisfies FieldsOf<Anthropic.ThinkingDelta>),
  z.strictObject({
    type: z.literal('signature_delta'),
    signature: z.string().min(1),
  } satisfies FieldsOf<Anthropic.SignatureDelta>),
  z.strictObject({
    type: z.literal('input_json_delta'),
    partial_json: z.string().min(1),
  } satisfies FieldsOf<Anthropic.InputJSONDelta>),
]);

/** The data of an event of a stream, by its name. */
export const eventSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('message_start'),
    message: z.strictObject({
      ...messageFields,
      content: z.tuple([]),
      stop_reason: nothing,
      stop_sequence: nothing,
    }),
  } satisfies FieldsOf<Anthropic.RawMessageStartEvent>),
  z.strictObject({
    type: z.literal('content_block_start'),
    index,
    content_block: z.discriminatedUnion('type', [
      textBlock.extend({ text: z.literal('') }),
      thinkingBlock.extend({ thinking: z.literal(''), signature: z.literal('') }),
      toolUseBlock.extend({ input: z.strictObject({}) }),
    ]),
  } satisfies FieldsOf<Anthropic.RawContentBlockStartEvent>),
  z.strictObject({
    type: z.literal('content_block_delta'),
    index,
    delta,
  } satisfies FieldsOf<Anthropic.RawContentBlockDeltaEvent>),
  z.strictObject({
    type: z.literal('content_block_stop'),
    index,
  } satisfies FieldsOf<Anthropic.RawContentBlockStopEvent>),
  z.strictObject({
    type: z.literal('message_delta'),
    delta: z.strictObject({
      container: nothing,
      stop_details: nothing,
      stop_reason: stopReason,
      stop_sequence: z.string().nullable(),
    } satisfies FieldsOf<Anthropic.RawMessageDeltaEvent.Delta>),
    usage: deltaUsageSchema,
  } satisfies FieldsOf<Anthropic.RawMessageDeltaEvent>),
  z.strictObject({ type: z.literal('message_stop') } satisfies FieldsOf<Anthropic.RawMessageStopEvent>),
  z.strictObject({ type: z.literal('ping') }),
  z.strictObject({
    type: z.literal('error'),
    error: z.strictObject({ type: z.string(), message: z.string() }),
    request_id: z.string().regex(/^req_/),
  } satisfies FieldsOf<Anthropic.ErrorResponse>),
]);

export type MessageEvent = z.infer<typeof eventSchema>;

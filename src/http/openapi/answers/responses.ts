import { z } from 'zod';

/*
 * The objects and events of `/v1/responses` that heddle sends, field by field as the types of the official client have
 * them: nothing may be missing, and nothing else may be there.
 */

const status = z.enum(['in_progress', 'completed', 'incomplete']);
const id = (prefix: string) => z.string().regex(new RegExp(`^${prefix}_[0-9a-f]{32}$`));

const logprob = z.number().max(0).min(-9999);
const eventToken = { token: z.string(), logprob };
const partToken = { ...eventToken, bytes: z.array(z.int().min(0).max(255)).min(1) };

const outputText = z.strictObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.never()),
  logprobs: z.array(z.strictObject({ ...partToken, top_logprobs: z.array(z.strictObject(partToken)) })),
});
const reasoningText = z.strictObject({ type: z.literal('reasoning_text'), text: z.string() });
const part = z.discriminatedUnion('type', [outputText, reasoningText]);

const item = z.discriminatedUnion('type', [
  z.strictObject({
    id: id('msg'),
    type: z.literal('message'),
    role: z.literal('assistant'),
    status,
    content: z.array(outputText),
  }),
  z.strictObject({
    id: id('rs'),
    type: z.literal('reasoning'),
    status,
    summary: z.array(z.never()),
    content: z.array(reasoningText),
  }),
  z.strictObject({
    id: id('fc'),
    type: z.literal('function_call'),
    status,
    call_id: z.string(),
    name: z.string(),
    arguments: z.string(),
  }),
]);

const effort = z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']);
const named = z.strictObject({ type: z.literal('function'), name: z.string() });

export const responseSchema = z.strictObject({
  id: id('resp'),
  object: z.literal('response'),
  created_at: z.int(),
  status: z.enum(['completed', 'failed', 'in_progress', 'incomplete']),
  completed_at: z.int().nullable(),
  error: z.strictObject({ code: z.literal('server_error'), message: z.string() }).nullable(),
  incomplete_details: z.strictObject({ reason: z.literal('max_output_tokens') }).nullable(),
  output: z.array(item),
  usage: z
    .strictObject({
      input_tokens: z.int(),
      input_tokens_details: z.strictObject({ cached_tokens: z.int(), cache_write_tokens: z.int() }),
      output_tokens: z.int(),
      output_tokens_details: z.strictObject({ reasoning_tokens: z.int() }),
      total_tokens: z.int(),
    })
    .nullable(),
  background: z.literal(false),
  instructions: z.string().nullable(),
  max_output_tokens: z.int().nullable(),
  metadata: z.record(z.string(), z.string()),
  model: z.string(),
  parallel_tool_calls: z.boolean(),
  previous_response_id: z.string().nullable(),
  reasoning: z.strictObject({ effort: effort.nullable(), summary: z.null() }),
  service_tier: z.enum(['default', 'flex', 'priority']),
  store: z.boolean(),
  temperature: z.number(),
  text: z.strictObject({
    format: z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('text') }),
      z.strictObject({ type: z.literal('json_object') }),
      z.strictObject({
        type: z.literal('json_schema'),
        name: z.string(),
        schema: z.record(z.string(), z.unknown()),
        strict: z.boolean().exactOptional(),
        description: z.string().exactOptional(),
      }),
    ]),
  }),
  tool_choice: z.union([
    z.enum(['none', 'auto', 'required']),
    named,
    z.strictObject({
      type: z.literal('allowed_tools'),
      mode: z.enum(['auto', 'required']),
      tools: z.array(named),
    }),
  ]),
  tools: z.array(
    z.strictObject({
      type: z.literal('function'),
      name: z.string(),
      description: z.string().nullable(),
      parameters: z.record(z.string(), z.unknown()).nullable(),
      strict: z.boolean(),
    }),
  ),
  top_logprobs: z.int(),
  top_p: z.number(),
  truncation: z.literal('disabled'),
  safety_identifier: z.string().optional(),
  prompt_cache_key: z.string().optional(),
  user: z.string().optional(),
  /** heddle's own. */
  warnings: z.array(z.string()).optional(),
});

const sequence_number = z.int();
const ofResponse = <T extends string>(type: T) =>
  z.strictObject({ type: z.literal(type), sequence_number, response: responseSchema });
const ofItem = { sequence_number, output_index: z.int(), item };
const within = { sequence_number, item_id: z.string(), output_index: z.int() };
const withinPart = { ...within, content_index: z.int() };
const logprobs = z.array(
  z.strictObject({ ...eventToken, top_logprobs: z.array(z.strictObject(eventToken)) }),
);

export const eventSchema = z.discriminatedUnion('type', [
  ofResponse('response.created'),
  ofResponse('response.in_progress'),
  ofResponse('response.completed'),
  ofResponse('response.incomplete'),
  ofResponse('response.failed'),
  z.strictObject({ type: z.literal('response.output_item.added'), ...ofItem }),
  z.strictObject({ type: z.literal('response.output_item.done'), ...ofItem }),
  z.strictObject({ type: z.literal('response.content_part.added'), ...withinPart, part }),
  z.strictObject({ type: z.literal('response.content_part.done'), ...withinPart, part }),
  z.strictObject({
    type: z.literal('response.output_text.delta'),
    ...withinPart,
    delta: z.string(),
    logprobs,
  }),
  z.strictObject({ type: z.literal('response.output_text.done'), ...withinPart, text: z.string(), logprobs }),
  z.strictObject({ type: z.literal('response.reasoning_text.delta'), ...withinPart, delta: z.string() }),
  z.strictObject({ type: z.literal('response.reasoning_text.done'), ...withinPart, text: z.string() }),
  z.strictObject({ type: z.literal('response.function_call_arguments.delta'), ...within, delta: z.string() }),
  z.strictObject({
    type: z.literal('response.function_call_arguments.done'),
    ...within,
    name: z.string(),
    arguments: z.string(),
  }),
  z.strictObject({
    type: z.literal('error'),
    sequence_number,
    code: z.string(),
    message: z.string(),
    param: z.string().nullable(),
    /** What the official client makes an error of. */
    error: z.strictObject({
      code: z.string(),
      message: z.string(),
      param: z.string().nullable(),
      type: z.string(),
    }),
  }),
]);

export type ResponseObject = z.infer<typeof responseSchema>;
export type ResponseStreamEvent = z.infer<typeof eventSchema>;

/** The answer of `DELETE /v1/responses/{id}`. */
export const deletedResponse = z.strictObject({
  id: id('resp'),
  object: z.literal('response'),
  deleted: z.literal(true),
});

const inputText = z.strictObject({ type: z.literal('input_text'), text: z.string() });

/** The answer of `GET /v1/responses/{id}/input_items`. Items keep the ids that they were sent with. */
export const inputItems = z.strictObject({
  object: z.literal('list'),
  data: z.array(
    z.union([
      z.strictObject({
        id: z.string(),
        type: z.literal('message'),
        role: z.enum(['user', 'system', 'developer']),
        status,
        content: z.array(inputText),
      }),
      z.strictObject({
        id: z.string(),
        type: z.literal('message'),
        role: z.literal('assistant'),
        status,
        content: z.array(outputText),
      }),
      z.strictObject({
        id: z.string(),
        type: z.literal('reasoning'),
        status,
        summary: z.array(z.never()),
        content: z.array(reasoningText),
      }),
      z.strictObject({
        id: z.string(),
        type: z.literal('function_call'),
        status,
        call_id: z.string(),
        name: z.string(),
        arguments: z.string(),
      }),
      z.strictObject({
        id: z.string(),
        type: z.literal('function_call_output'),
        status,
        call_id: z.string(),
        output: z.union([z.string(), z.array(inputText)]),
      }),
    ]),
  ),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});

import { z } from 'zod';

/** Nanoseconds, measured: never less than nothing. */
const duration = z.int().min(0);

const spelled = { token: z.string(), logprob: z.number().max(0), bytes: z.array(z.int()).min(1).optional() };

const logprobs = z
  .array(z.strictObject({ ...spelled, top_logprobs: z.array(z.strictObject(spelled)).optional() }))
  .optional();

const head = {
  model: z.string(),
  created_at: z.iso.datetime(),
};

const last = {
  logprobs,
  done: z.literal(true),
  done_reason: z.enum(['stop', 'length']),
  total_duration: duration,
  load_duration: duration,
  prompt_eval_count: z.int().min(1),
  prompt_eval_duration: duration,
  eval_count: z.int().min(0),
  eval_duration: duration,
  warnings: z.array(z.string()).optional(),
};

const message = z.strictObject({
  role: z.literal('assistant'),
  content: z.string(),
  thinking: z.string().optional(),
  tool_calls: z
    .array(
      z.strictObject({
        id: z.string(),
        function: z.strictObject({
          index: z.int(),
          name: z.string(),
          arguments: z.record(z.string(), z.unknown()),
        }),
      }),
    )
    .optional(),
});

const text = { response: z.string(), thinking: z.string().optional() };

/** What an answer of `/api/chat` is, and a line of one that is streamed. */
export const chatAnswer = z.strictObject({ ...head, message, ...last });
export const chatLine = z.union([
  z.strictObject({ ...head, message, logprobs, done: z.literal(false) }),
  chatAnswer.extend({
    message: z.strictObject({ role: z.literal('assistant'), content: z.literal('') }),
  }),
]);

/** The same of `/api/generate`. */
export const generateAnswer = z.strictObject({ ...head, ...text, ...last });
export const generateLine = z.union([
  z.strictObject({ ...head, ...text, logprobs, done: z.literal(false) }),
  generateAnswer.extend({ response: z.literal('') }),
]);

const residence = { done: z.literal(true), done_reason: z.enum(['load', 'unload']) };

/** The answer to a request without a prompt, and to one without messages. */
export const residenceAnswer = z.strictObject({ ...head, response: z.literal(''), ...residence });
export const chatResidenceAnswer = z.strictObject({
  ...head,
  message: z.strictObject({ role: z.literal('assistant'), content: z.literal('') }),
  ...residence,
});

const bytes = z.int().min(0);

/** What a model's file says of it. */
const details = z.strictObject({
  parent_model: z.literal(''),
  format: z.literal('gguf'),
  family: z.string(),
  families: z.array(z.string()),
  parameter_size: z.string(),
  quantization_level: z.string(),
});

const model = {
  name: z.string(),
  model: z.string(),
  size: bytes,
  digest: z.string().regex(/^[\da-f]{64}$/),
  details,
};

/** A model on disk. */
export const listed = z.strictObject({ ...model, modified_at: z.iso.datetime() });

/** The answer of `/api/tags`. */
export const tags = z.strictObject({ models: z.array(listed) });

/** The answer of `/api/show`. */
export const shown = z.strictObject({
  license: z.string().optional(),
  modelfile: z.string(),
  parameters: z.string(),
  template: z.string(),
  details,
  model_info: z.record(z.string(), z.unknown()),
  capabilities: z.array(z.enum(['completion', 'tools', 'thinking', 'embedding'])),
  modified_at: z.iso.datetime(),
});

/** The answer of `/api/ps`. */
export const loaded = z.strictObject({
  models: z.array(
    z.strictObject({
      ...model,
      expires_at: z.iso.datetime(),
      size_vram: bytes,
      context_length: z.int().min(1),
    }),
  ),
});

/** The answer of `/api/version`. */
export const versions = z.strictObject({
  version: z.string().describe('The Ollama whose API this is: clients compare it'),
  heddle: z.string(),
});

/** The answer of `/api/embed`. */
export const embedAnswer = z.strictObject({
  model: z.string(),
  embeddings: z.array(z.array(z.number())),
  total_duration: duration,
  load_duration: duration,
  prompt_eval_count: z.int().min(0),
});

/** The answer of `/api/embeddings`. */
export const oldEmbedAnswer = z.strictObject({ embedding: z.array(z.number()) });

/** An error: the whole answer, or the last line of a stream. */
export const ollamaError = z.strictObject({ error: z.string() });

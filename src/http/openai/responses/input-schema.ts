import { z } from 'zod';
import { withInputForm } from '../../input-forms.js';

const inputText = z.strictObject({ type: z.literal('input_text'), text: z.string() });
const outputText = z.strictObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.unknown()).max(0, 'annotations are not supported').nullish(),
  /** As an answer has them: they say nothing to a model, and are taken away. */
  logprobs: z.array(z.unknown()).nullish(),
  /** That of the official clients' helpers. */
  parsed: z.unknown().optional(),
});

const texts = 'content must be a string or a list of text parts; images, audio and files are not supported';
const inputContent = z.union([z.string(), z.array(inputText).min(1)], { error: texts });
/** Clients send what an assistant said as either. */
const assistantContent = z.union(
  [z.string(), z.array(z.discriminatedUnion('type', [inputText, outputText])).min(1)],
  { error: texts },
);

const id = z.string().min(1).max(256).nullish();
const status = z.enum(['in_progress', 'completed', 'incomplete']).nullish();
const phase = z.null('phases of an answer are not supported').optional();
const type = z.literal('message').optional();

const inputMessage = z.strictObject({
  type,
  role: z.enum(['user', 'system', 'developer']),
  content: inputContent,
  id,
  status,
  phase,
});

const assistantMessage = z.strictObject({
  type,
  role: z.literal('assistant'),
  content: assistantContent,
  id,
  status,
  phase,
});

const message = z.discriminatedUnion('role', [inputMessage, assistantMessage], {
  error: 'role must be user, assistant, system or developer',
});

const functionCall = z.strictObject({
  type: z.literal('function_call'),
  call_id: z.string().min(1).max(256),
  name: z.string().min(1),
  arguments: z.string(),
  id,
  status,
  /** That of the official clients' helpers. */
  parsed_arguments: z.unknown().optional(),
});

const functionCallOutput = z.strictObject({
  type: z.literal('function_call_output'),
  call_id: z.string().min(1).max(256),
  output: z.union([z.string(), z.array(inputText)], {
    error: 'output must be a string or a list of text parts; images and files are not supported',
  }),
  id,
  status,
});

const reasoning = z.strictObject({
  type: z.literal('reasoning'),
  id,
  summary: z
    .array(z.unknown())
    .max(0, 'summaries are not read: send reasoning back as its content')
    .nullish(),
  content: z.array(z.strictObject({ type: z.literal('reasoning_text'), text: z.string() })).nullish(),
  encrypted_content: z.null('encrypted reasoning can not be read').optional(),
  status,
});

/** An item of the input. One without a type is a message. */
const item = z.discriminatedUnion('type', [message, functionCall, functionCallOutput, reasoning], {
  error: 'type must be message, function_call, function_call_output or reasoning; others are not supported',
});

/** What a client says: a text is a message of the user. */
export const inputField = withInputForm(
  z.preprocess(
    (value) => (typeof value === 'string' ? [{ role: 'user', content: value }] : value),
    z.array(item, 'input must be a string or a list of items'),
  ),
  { accepts: z.union([z.string(), z.array(item)]) },
).default([]);

export type SentItem = z.infer<typeof item>;

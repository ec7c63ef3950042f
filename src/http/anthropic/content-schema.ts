import { z } from 'zod';
import { withInputForm } from '../input-forms.js';

/** A mark: the prompt up to here is worth keeping. Everything is kept while there is room, however long that is. */
export const cacheControl = z.strictObject({
  type: z.literal('ephemeral'),
  ttl: z.enum(['5m', '1h']).optional(),
});

const marked = { cache_control: cacheControl.nullish() };

const textBlock = z.strictObject({
  ...marked,
  type: z.literal('text'),
  text: z.string(),
  citations: z.tuple([]).nullish(),
});

const thinkingBlock = z.strictObject({
  type: z.literal('thinking'),
  thinking: z.string(),
  signature: z.string(),
});

const direct = z.strictObject({ type: z.literal('direct', 'tools are called by the model alone') });
const toolset = { toolset_name: z.null().optional() };

const toolUseBlock = z.strictObject({
  ...marked,
  ...toolset,
  type: z.literal('tool_use'),
  id: z.string().min(1),
  name: z.string().min(1),
  input: z.record(z.string(), z.unknown()),
  caller: direct.optional(),
});

const toolResultBlock = z.strictObject({
  ...marked,
  ...toolset,
  type: z.literal('tool_result'),
  tool_use_id: z.string().min(1),
  content: blocks([textBlock], 'a result is a text, or text blocks').default([]),
  is_error: z.boolean().default(false),
});

/** A text, which is short for one block, or blocks of some types. */
function blocks<const T extends readonly [Block, ...Block[]]>(types: T, expected: string) {
  const list = z.array(
    z.discriminatedUnion('type', types, {
      error: ({ input }) => `blocks of the type ${typeText(input)} are not supported here: ${expected}`,
    }),
  );
  return withInputForm(
    z.preprocess(
      (content) => (typeof content === 'string' ? [{ type: 'text', text: content }] : content),
      list,
    ),
    { accepts: z.union([z.string(), list]) },
  );
}

type Block = z.ZodObject<{ type: z.ZodLiteral<string> }>;

function typeText(block: unknown): string {
  const type: unknown =
    typeof block === 'object' && block !== null && 'type' in block ? block.type : undefined;
  return JSON.stringify(type) ?? 'undefined';
}

/** A system prompt. */
export const systemContent = blocks([textBlock], 'a system prompt is a text, or text blocks');

const userContent = blocks([textBlock, toolResultBlock], 'a user sends text and tool_result');
const assistantContent = blocks(
  [textBlock, thinkingBlock, toolUseBlock],
  'an assistant sends text, thinking and tool_use',
);

/** A turn of a chat. */
export const message = z.discriminatedUnion(
  'role',
  [
    z.strictObject({ role: z.literal('user'), content: userContent }),
    z.strictObject({ role: z.literal('assistant'), content: assistantContent }),
    z.strictObject({ role: z.literal('system'), content: systemContent }),
  ],
  { error: 'role must be user, assistant or system' },
);

export type Message = z.infer<typeof message>;
export type TextBlock = z.infer<typeof textBlock>;
export type ToolResultBlock = z.infer<typeof toolResultBlock>;

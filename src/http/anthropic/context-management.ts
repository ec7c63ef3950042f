import { z } from 'zod';
import type { ChatMessage } from '../../prompt/chat-message.js';

const thinkingTurns = z.strictObject({ type: z.literal('thinking_turns'), value: z.int().min(1) });

const clearThinking = z.strictObject({
  type: z.literal(
    'clear_thinking_20251015',
    'only thinking can be cleared here, with clear_thinking_20251015',
  ),
  keep: z
    .union([z.literal('all'), z.strictObject({ type: z.literal('all') }), thinkingTurns], {
      error: 'keep must be "all", or thinking_turns with their number',
    })
    .default({ type: 'thinking_turns', value: 1 }),
});

/** What is to be taken out of a conversation before it is read. */
export const contextManagement = z.strictObject({ edits: z.array(clearThinking).max(1).default([]) });

type ContextManagement = z.infer<typeof contextManagement>;

/** Takes the reasoning away from all turns of the assistant but the last ones that are to keep it. */
export function clearedThinking(
  messages: readonly ChatMessage[],
  { edits }: ContextManagement,
): readonly ChatMessage[] {
  const keep = edits[0]?.keep;
  if (keep === undefined || keep === 'all' || keep.type === 'all') return messages;
  let left = keep.value;
  return messages
    .toReversed()
    .map((message) => {
      const { reasoning_content: reasoning, ...rest } = message as ChatMessage & {
        reasoning_content?: unknown;
      };
      if (message.role !== 'assistant' || reasoning === undefined) return message;
      return left-- > 0 ? message : rest;
    })
    .toReversed();
}

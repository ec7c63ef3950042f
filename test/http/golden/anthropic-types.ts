import type Anthropic from '@anthropic-ai/sdk';
import type {
  cacheCreation,
  deltas,
  deltaUsageSchema,
  events,
  messageDelta,
  messagesError,
  messageSchema,
  textBlock,
  thinkingBlock,
  toolUseBlock,
  usageSchema,
} from '../../../src/http/openapi/answers/messages.js';

/** True where a schema has every field that a published type has, and no other. */
type Has<Schema extends { shape: object }, T> = [keyof Schema['shape'], keyof Required<T>] extends [
  keyof Required<T>,
  keyof Schema['shape'],
]
  ? true
  : never;

/** The compiler holds the schemas of answers against the official client's own types. */
export const publishedFields: readonly [
  Has<typeof cacheCreation, Anthropic.CacheCreation>,
  Has<typeof usageSchema, Anthropic.Usage>,
  Has<typeof deltaUsageSchema, Anthropic.MessageDeltaUsage>,
  Has<typeof textBlock, Anthropic.TextBlock>,
  Has<typeof thinkingBlock, Anthropic.ThinkingBlock>,
  Has<typeof toolUseBlock, Omit<Anthropic.ToolUseBlock, 'toolset_name'>>,
  Has<typeof messageSchema, Anthropic.Message>,
  Has<typeof deltas.text, Anthropic.TextDelta>,
  Has<typeof deltas.thinking, Anthropic.ThinkingDelta>,
  Has<typeof deltas.signature, Anthropic.SignatureDelta>,
  Has<typeof deltas.input, Anthropic.InputJSONDelta>,
  Has<typeof events.start, Anthropic.RawMessageStartEvent>,
  Has<typeof events.blockStart, Anthropic.RawContentBlockStartEvent>,
  Has<typeof events.blockDelta, Anthropic.RawContentBlockDeltaEvent>,
  Has<typeof events.blockStop, Anthropic.RawContentBlockStopEvent>,
  Has<typeof events.delta, Anthropic.RawMessageDeltaEvent>,
  Has<typeof messageDelta, Anthropic.RawMessageDeltaEvent.Delta>,
  Has<typeof events.stop, Anthropic.RawMessageStopEvent>,
  Has<typeof messagesError, Anthropic.ErrorResponse>,
] = [
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
];

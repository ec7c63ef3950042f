import { createHash } from 'node:crypto';
import type { ArgumentShape } from './argument-shape.js';
import type { ChatMessage } from './chat-message.js';
import type { OutputFormat } from './output/output-format.js';

/** A message as a template reads it. */
type TemplateMessage = Readonly<Record<string, unknown>>;

interface Call {
  readonly id?: unknown;
  readonly function: { readonly name: string; readonly arguments: unknown };
}

/** How a template wants its messages. */
export interface MessageShape {
  readonly arguments: ArgumentShape;
  readonly format: Pick<OutputFormat, 'name' | 'callIds'>;
  /** Reasoning of earlier turns is a part of the content, `{"type": "thinking"}`. */
  readonly hasThinkingParts: boolean;
}

/**
 * Messages in the shape that a template wants.
 * - The arguments of tool calls are objects, or texts.
 * - Results of tools have the `name` of their tool.
 * - Ids of calls are such as the family knows, since agents bring those of other models along.
 * - Reasoning of earlier turns has the name that the template knows.
 */
export function shapeMessages(messages: readonly ChatMessage[], shape: MessageShape): TemplateMessage[] {
  const ids = new Map<unknown, string>();
  const names = new Map<unknown, string>();
  let calls = 0;
  return messages.map((message) => {
    if (message.role === 'tool') return shapeResult(message, ids, names);
    const { tool_calls: given, ...rest } = message;
    if (message.role !== 'assistant') return message;
    const reasoned = shapeReasoning(rest, shape, isCalls(given));
    if (!isCalls(given)) return reasoned;
    const tool_calls = given.map((call) => {
      const id = shapeId(call, shape.format.callIds, calls++);
      ids.set(call.id, id ?? String(call.id));
      names.set(call.id, call.function.name);
      const fields = {
        ...call.function,
        arguments: shapeArguments(call.function.arguments, shape.arguments),
      };
      return { ...call, ...(id === undefined ? {} : { id }), function: fields };
    });
    return { ...reasoned, tool_calls };
  });
}

function isCalls(value: unknown): value is readonly Call[] {
  return Array.isArray(value) && value.length > 0;
}

function shapeResult(
  message: ChatMessage,
  ids: ReadonlyMap<unknown, string>,
  names: ReadonlyMap<unknown, string>,
): TemplateMessage {
  const { tool_call_id: id } = message;
  const name = names.get(id);
  return {
    ...(name === undefined ? {} : { name }),
    ...message,
    ...(ids.has(id) ? { tool_call_id: ids.get(id) } : {}),
  };
}

/** Undefined where the id can stay. */
function shapeId({ id, function: { name } }: Call, style: OutputFormat['callIds'], index: number) {
  const text = typeof id === 'string' ? id : '';
  if (style === 'mistral' && !/^[A-Za-z\d]{9}$/.test(text))
    return createHash('sha256').update(text).digest('hex').slice(0, 9);
  if (style === 'kimi' && !/^functions\..+:\d+$/.test(text)) return `functions.${name}:${index}`;
  return undefined;
}

/** Text that is no JSON object stays a text: what a template makes of it is its own affair. */
function shapeArguments(given: unknown, shape: ArgumentShape): unknown {
  if (shape === 'text') return typeof given === 'string' ? given : JSON.stringify(given);
  if (typeof given !== 'string') return given;
  try {
    const value: unknown = JSON.parse(given.trim() === '' ? '{}' : given);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : given;
  } catch {
    return given;
  }
}

function shapeReasoning(
  message: TemplateMessage,
  { format, hasThinkingParts }: MessageShape,
  hasCalls: boolean,
): TemplateMessage {
  const { reasoning_content: reasoning, content, ...rest } = message;
  if (typeof reasoning !== 'string' || reasoning === '') return message;
  // gpt-oss's template takes one of the two beside calls, and writes content as reasoning there.
  if (format.name === 'harmony') return { ...rest, thinking: reasoning, content: hasCalls ? '' : content };
  if (!hasThinkingParts) return message;
  const parts: object[] = [{ type: 'thinking', thinking: reasoning }];
  if (content !== '') parts.push({ type: 'text', text: content });
  return { ...rest, content: parts };
}

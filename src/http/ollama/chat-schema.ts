import { z } from 'zod';
import type { ChatMessage } from '../../prompt/chat-message.js';
import { toolFields } from '../openai/tool-schema.js';
import { noImages, textFields } from './text-schema.js';

const toolCall = z.strictObject({
  id: z.string().nullish(),
  type: z.literal('function').nullish(),
  index: z.int().nullish(),
  function: z.strictObject({
    name: z.string(),
    arguments: z.record(z.string(), z.unknown()).nullish(),
    index: z.int().nullish(),
    description: z.string().nullish(),
  }),
});

const message = z.strictObject({
  role: z.enum(['system', 'user', 'assistant', 'tool'], {
    error: 'role must be system, user, assistant or tool',
  }),
  content: z.string({ error: 'content must be a text' }).nullish(),
  thinking: z.string().nullish(),
  images: noImages,
  tool_calls: z.array(toolCall).nullish(),
  tool_name: z.string().nullish(),
  tool_call_id: z.string().nullish(),
  name: z.string().nullish(),
});

/** The body of `POST /api/chat`. */
export const chatSchema = z.strictObject({
  ...textFields,
  messages: z.array(message).default([]),
  tools: toolFields.tools,
});

type OllamaMessage = z.infer<typeof message>;

/** Messages as chat templates read them. */
export function toChatMessages(messages: readonly OllamaMessage[]): ChatMessage[] {
  const ids = new CallIds();
  return messages.map((one) => {
    const { role, content, thinking, tool_calls: calls, tool_name: tool, name } = one;
    const text = { role, content: content ?? '' };
    if (role === 'tool') {
      const called = tool ?? name;
      return {
        ...text,
        ...(called === undefined || called === null ? {} : { name: called }),
        tool_call_id: ids.answered(called ?? undefined, one.tool_call_id ?? undefined),
      };
    }
    return {
      ...text,
      ...(name === undefined || name === null ? {} : { name }),
      ...(thinking === undefined || thinking === null ? {} : { reasoning_content: thinking }),
      ...(calls === undefined || calls === null || calls.length === 0
        ? {}
        : {
            tool_calls: calls.map(({ id, function: { name: called, arguments: value } }) => ({
              id: ids.called(called, id ?? undefined),
              type: 'function',
              function: { name: called, arguments: JSON.stringify(value ?? {}) },
            })),
          }),
    };
  });
}

/** Calls need no ids in the Ollama API: a result is that of the first call of its tool that has none yet. */
class CallIds {
  readonly #open: { id: string; name: string }[] = [];
  #count = 0;

  called(name: string, given: string | undefined): string {
    const id = given ?? `call_${this.#count}`;
    this.#count++;
    this.#open.push({ id, name });
    return id;
  }

  answered(name: string | undefined, given: string | undefined): string {
    const at = this.#open.findIndex((call) =>
      given === undefined ? name === undefined || call.name === name : call.id === given,
    );
    const [call] = at < 0 ? [] : this.#open.splice(at, 1);
    return given ?? call?.id ?? `call_${name ?? ''}`;
  }
}

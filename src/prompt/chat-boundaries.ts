import { HeddleError } from '../core/errors.js';
import type { ModelInfo } from '../core/model-runner.js';
import { renderChat } from './chat-template.js';
import { messageEnds } from './message-ends.js';
import { firstDifference } from './prompt-difference.js';
import type { ChatInput } from './stable/chat-input.js';

/** A character for private use, that texts leave alone. */
const mark = '\u{100000}';

/**
 * Where other chats may begin alike: first the end of what stands before all questions, which is the system prompt and
 * the tools, wherever the template writes them; then the end of each message that has text.
 * @param text the prompt, as the model's template wrote it
 * @returns offsets in UTF-16 units, ascending; those that are not known are missing
 */
export function chatBoundaries(info: ModelInfo, chat: ChatInput, text: string): readonly number[] {
  const head = chat.messages.findIndex(({ role }) => role !== 'system');
  const ends = messageEnds(info, chat, text);
  const all = [headEnd(info, chat, text, head), ...ends.slice(Math.max(0, head))];
  let last = 0;
  return all.filter((end): end is number => {
    if (end === undefined || end <= last) return false;
    last = end;
    return true;
  });
}

/** Where the text of a message begins, found by writing the chat with another text there. */
function headEnd(info: ModelInfo, chat: ChatInput, text: string, index: number): number | undefined {
  const messages = chat.messages.map((message, at) =>
    at === index ? { ...message, content: mark + message.content } : message,
  );
  if (index < 0) return undefined;
  try {
    const end = firstDifference(text, renderChat(info, messages, chat.variables).text);
    return end < text.length ? end : undefined; // the template leaves the message out
  } catch (error) {
    // The template took the text without the mark: it is the mark that it can not do with.
    if (error instanceof HeddleError && error.code === 'chat_template_failed') return undefined;
    throw error;
  }
}

import type { ChatMessage } from '../chat-template.js';
import type { ChatInput } from './chat-input.js';

/**
 * Rewrites the system messages that a chat begins with. Nothing else is touched: what users, models and tools said, and
 * what a system message says in the middle of a chat, is part of the conversation.
 */
export function rewriteSystemText(chat: ChatInput, rewrite: (text: string) => string): ChatInput {
  const firstOther = chat.messages.findIndex(({ role }) => role !== 'system');
  const count = firstOther < 0 ? chat.messages.length : firstOther;
  const head = chat.messages.slice(0, count).map((message): ChatMessage => {
    const content = rewrite(message.content);
    return content === message.content ? message : { ...message, content };
  });
  if (head.every((message, index) => message === chat.messages[index])) return chat;
  return { ...chat, messages: [...head, ...chat.messages.slice(count)] };
}

import type { ModelInfo } from '../core/model-runner.js';
import type { StableRuleSwitches } from '../core/stable-rules.js';
import { chatBoundaries } from './chat-boundaries.js';
import { renderChat } from './chat-template.js';
import { stabilise, type StableChat } from './stable-prompt.js';
import type { ChatInput } from './stable/chat-input.js';

/** A chat and the prompt that was made of it. */
export interface ChatPrompt extends StableChat {
  readonly prompt: ReturnType<typeof renderChat>;
}

/**
 * The prompt of a chat, stabilised by the rules that are on. Where it can be gone on from at certain positions only, it
 * says where its messages end.
 * @throws HeddleError as {@link renderChat}
 */
export function writeChat(info: ModelInfo, chat: ChatInput, rules: StableRuleSwitches): ChatPrompt {
  const stable = stabilise(chat, rules);
  const { messages, variables } = stable.chat;
  const prompt = renderChat(info, messages, variables);
  if (info.memory === 'cells' || info.memory === 'none') return { ...stable, prompt };
  return { ...stable, prompt: { ...prompt, boundaries: chatBoundaries(info, stable.chat, prompt.text) } };
}

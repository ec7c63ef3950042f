import type { ModelInfo } from '../core/model-runner.js';
import type { StableRuleSwitches } from '../core/stable-rules.js';
import { hasTools, renderChat } from './chat-template.js';
import { chooseFormat } from './output/choose-format.js';
import type { OutputFormat } from './output/output-format.js';
import { stabilise, type StableChat } from './stable-prompt.js';
import type { ChatInput } from './stable/chat-input.js';
import { chooseTemplate } from './template-choice.js';

/** A chat and the prompt that was made of it. */
export interface ChatPrompt extends StableChat {
  readonly prompt: ReturnType<typeof renderChat>;
  /** How the model writes its answer. */
  readonly format: OutputFormat;
}

/**
 * The prompt of a chat, stabilised by the rules that are on.
 * @throws HeddleError as {@link renderChat}
 */
export function writeChat(info: ModelInfo, chat: ChatInput, rules: StableRuleSwitches): ChatPrompt {
  const stable = stabilise(chat, rules);
  const { messages, variables } = stable.chat;
  const prompt = renderChat(info, messages, variables);
  const format = chooseFormat(chooseTemplate(info, { hasTools: hasTools(variables) }));
  return { ...stable, prompt, format };
}

import type { ChatMessage } from '../chat-template.js';

/** What a chat template is given: messages, and further variables, of which `tools` are the definitions of tools. */
export interface ChatInput {
  readonly messages: readonly ChatMessage[];
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Takes out of a chat what changes without meaning. Gives back the same object where there is nothing to be done. */
export type StableRule = (chat: ChatInput) => ChatInput;

import type { StableRule } from './chat-input.js';
import { rewriteSystemText } from './system-text.js';

/**
 * Takes spaces away from the ends of the lines of the system prompt, and empty lines from its end: they come and go with
 * what agents put together there.
 */
export const trailingWhitespace: StableRule = (chat) =>
  rewriteSystemText(chat, (text) =>
    text
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n')
      .trimEnd(),
  );

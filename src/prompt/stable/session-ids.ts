import type { StableRule } from './chat-input.js';
import { rewriteSystemText } from './system-text.js';

/** A name, a colon or an equals sign, and a value of six characters or more with a digit among them. */
const labelled =
  /\b((?:session|conversation|request|thread|trace|run|turn|message)[ _-]?id\b["'`*]{0,4}[ \t]{0,4}[:=]["'`*]{0,4}[ \t]{0,4}["'`*<]{0,4})((?=[\w-]*\d)[\w-]{6,})/gi;

/**
 * Replaces the letters and digits of ids by zeros where the system prompt names them:
 *
 *     - CONVERSATION_ID: 0198f3c2-5d11-7a3e-9c40-2f6b8f0c1d77
 *
 * A new one with every session keeps sessions from sharing what comes after it (code-yeongyu/oh-my-openagent#6881,
 * peonist-ai/halogen-flash-server#31). An agent whose model is to hand the id to a tool needs it.
 */
export const sessionIds: StableRule = (chat) =>
  rewriteSystemText(chat, (text) =>
    text.replace(labelled, (_, label: string, id: string) => label + id.replace(/[A-Za-z0-9]/g, '0')),
  );

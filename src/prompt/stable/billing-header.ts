import type { StableRule } from './chat-input.js';

/** Pairs such as `cch=71fea`, each of which ends with a semicolon, at a space, or with the text. */
const header =
  /^\s*x-anthropic-billing-header:[ \t]*(?:[\w-]+=[^;\s]*(?:;[ \t]*|(?=\s|$)))+(?:[ \t]*\r?\n)*/i;

/**
 * Takes Claude Code's billing header away from the head of the system prompt:
 *
 *     x-anthropic-billing-header: cc_version=2.1.177.01c; cc_entrypoint=cli; cch=36ee5;
 *
 * Since 2.1.36 it is the first block of every request's system prompt. `cch`, and the last part of `cc_version`, are
 * hashes of the request, so that no two prompts begin alike (anthropics/claude-code#68900). Anthropic's servers take it
 * out themselves; it says nothing to a model. A system message that is nothing else is left out.
 */
export const billingHeader: StableRule = (chat) => {
  const { messages } = chat;
  for (let at = 0; ; at++) {
    const first = messages[at];
    const content = first?.role === 'system' ? withoutHeader(first.content) : undefined;
    if (first === undefined || content === undefined) {
      // A chat without messages is no chat: one of nothing but headers keeps them.
      return at === 0 || at === messages.length ? chat : { ...chat, messages: messages.slice(at) };
    }
    if (content.trim() !== '')
      return { ...chat, messages: [{ ...first, content }, ...messages.slice(at + 1)] };
  }
};

/** Undefined when there is none. */
function withoutHeader(text: string): string | undefined {
  let rest = text;
  for (let match = header.exec(rest); match !== null; match = header.exec(rest)) {
    rest = rest.slice(match[0].length);
  }
  return rest === text ? undefined : rest;
}

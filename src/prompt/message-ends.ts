import { HeddleError } from '../core/errors.js';
import type { ModelInfo } from '../core/model-runner.js';
import { renderChat } from './chat-template.js';
import type { ChatInput } from './stable/chat-input.js';

/** Marks are characters for private use, of a plane that texts leave alone. */
const firstMark = 0xf0000;
const marks = /[\u{f0000}-\u{ffffd}]/gu;
const mostMarks = 0xfffe;

/**
 * Where the text of each message ends in the prompt of a chat, as an offset in UTF-16 units. Found by rendering the chat
 * once more with a mark after each text.
 * @param text the prompt, as the model's template wrote it
 * @returns by message; undefined for those without text, and for all where the template makes something else of a text
 * with a mark
 */
export function messageEnds(
  info: ModelInfo,
  { messages, variables }: ChatInput,
  text: string,
): readonly (number | undefined)[] {
  const ends: (number | undefined)[] = messages.map(() => undefined);
  const marked = messages.map((message, index) => {
    const end = message.content.trimEnd().length;
    if (end === 0 || index >= mostMarks) return message;
    const mark = String.fromCodePoint(firstMark + index);
    return { ...message, content: message.content.slice(0, end) + mark + message.content.slice(end) };
  });
  const markedText = tryRender(info, marked, variables);
  if (markedText === undefined || markedText.replace(marks, '') !== text) return ends;
  let removed = 0;
  for (const { 0: mark, index } of markedText.matchAll(marks)) {
    ends[(mark.codePointAt(0) ?? 0) - firstMark] = index - removed;
    removed += mark.length;
  }
  return ends;
}

/** The message that has the character at an offset; undefined after the last one, or where nobody knows. */
export function messageAt(ends: readonly (number | undefined)[], offset: number): number | undefined {
  const index = ends.findIndex((end) => end !== undefined && offset <= end);
  return index < 0 ? undefined : index;
}

function tryRender(info: ModelInfo, ...chat: [ChatInput['messages'], ChatInput['variables']]) {
  try {
    return renderChat(info, ...chat).text;
  } catch (error) {
    // The template took the texts without marks: it is the marks that it can not do with.
    if (error instanceof HeddleError && error.code === 'chat_template_failed') return undefined;
    throw error;
  }
}

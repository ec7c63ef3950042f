import { HeddleError } from '../core/errors.js';
import type { ModelInfo } from '../core/model-runner.js';
import type { StableRuleSwitches } from '../core/stable-rules.js';
import { renderChat } from './chat-template.js';
import { stabilise } from './stable-prompt.js';
import type { ChatInput } from './stable/chat-input.js';

/** A place in the text of a message, as it was sent. */
export interface MessagePlace {
  /** Which message of the chat, from 0. */
  readonly message: number;
  /** In UTF-16 units. */
  readonly offset: number;
}

/** Marks are characters for private use, of a plane that texts leave alone. */
const firstMark = 0xf0000;
const marks = /[\u{f0000}-\u{ffffd}]/gu;
const mostMarks = 0xfffe;

/**
 * Where places of messages are in the prompt of a chat, as offsets in UTF-16 units; white space before a place counts as
 * behind it. Found by writing the chat once more, with a mark at each.
 * @param chat as it was sent, before the rules
 * @param text the prompt, as the rules and the model's template made it
 * @returns ascending; those that are not known are missing, and all where something else is made of a text with a mark
 */
export function placesInPrompt(
  info: ModelInfo,
  { chat, rules }: { chat: ChatInput; rules: StableRuleSwitches },
  text: string,
  places: readonly MessagePlace[],
): readonly number[] {
  if (places.length === 0) return [];
  const marked = withMarks(chat.messages, places.slice(0, mostMarks));
  const written = tryWrite(info, stabilise({ ...chat, messages: marked }, rules).chat);
  if (written === undefined || written.replace(marks, '') !== text) return [];
  let removed = 0;
  return [...written.matchAll(marks)].map(({ 0: mark, index }) => {
    const offset = index - removed;
    removed += mark.length;
    return offset;
  });
}

function withMarks(messages: ChatInput['messages'], places: readonly MessagePlace[]): ChatInput['messages'] {
  const mark = String.fromCodePoint(firstMark);
  return messages.map((message, index) => {
    const { content } = message;
    const offsets = new Set(
      places
        .filter((place) => place.message === index)
        .map(({ offset }) => content.slice(0, offset).trimEnd().length)
        .filter((offset) => offset > 0),
    );
    const cuts = [0, ...[...offsets].toSorted((a, b) => a - b), content.length];
    const parts = cuts.slice(1).map((end, at) => content.slice(cuts[at], end));
    return offsets.size === 0 ? message : { ...message, content: parts.join(mark) };
  });
}

function tryWrite(info: ModelInfo, { messages, variables }: ChatInput): string | undefined {
  try {
    return renderChat(info, messages, variables).text;
  } catch (error) {
    // The template took the texts without marks: it is the marks that it can not do with.
    if (error instanceof HeddleError && error.code === 'chat_template_failed') return undefined;
    throw error;
  }
}

import { HeddleError } from '../../core/errors.js';
import type { ChatMessage } from '../../prompt/chat-message.js';
import type { MessagePlace } from '../../prompt/message-places.js';
import type { Message, TextBlock, ToolResultBlock } from './content-schema.js';
import { thinkingText } from './thinking-signature.js';

/** A conversation as chat templates read it. */
export interface Conversation {
  readonly messages: readonly ChatMessage[];
  /** Ends of blocks that the client marks as worth keeping, in order. */
  readonly marks: readonly MessagePlace[];
  /** What the answer begins with; the model goes on from there. */
  readonly prefill: string;
}

interface OpenMessage {
  readonly role: ChatMessage['role'];
  content: string;
  readonly fields: Record<string, unknown>;
}

/** Blocks of one turn are lines; those of an assistant are as the model wrote them. */
const separators = { system: '\n', user: '\n', assistant: '', tool: '\n' } as const;

/**
 * The messages of a conversation: turns of one role that follow each other are one, the results of tools are messages of
 * their own, and the thinking of an assistant is `reasoning_content`.
 * @throws HeddleError `invalid_parameter` where the last turn can not be gone on with
 */
export function toConversation(
  system: readonly TextBlock[],
  turns: readonly Message[],
  { marksEnd }: { marksEnd: boolean },
): Conversation {
  const builder = new ConversationBuilder();
  for (const block of system) builder.addText('system', block);
  for (const turn of turns) builder.addTurn(turn);
  if (marksEnd) builder.markEnd();
  return builder.finish();
}

class ConversationBuilder {
  readonly #messages: OpenMessage[] = [];
  readonly #marks: MessagePlace[] = [];

  addTurn({ role, content }: Message): void {
    for (const block of content) {
      switch (block.type) {
        case 'text':
          this.addText(role, block);
          break;
        case 'thinking': {
          const { fields } = this.#last(role);
          fields['reasoning_content'] = join(fields['reasoning_content'], thinkingText(block));
          break;
        }
        case 'tool_use': {
          const { fields } = this.#last(role);
          const calls = (fields['tool_calls'] ??= []) as object[];
          const { id, name, input } = block;
          calls.push({ id, type: 'function', function: { name, arguments: JSON.stringify(input) } });
          if (isMarked(block)) this.markEnd();
          break;
        }
        case 'tool_result':
          this.#addResult(block);
          break;
      }
    }
  }

  addText(role: Message['role'], block: TextBlock): void {
    const message = this.#last(role);
    message.content += (message.content === '' ? '' : separators[role]) + block.text;
    if (isMarked(block)) this.markEnd();
  }

  /** What there is so far ends at a mark. */
  markEnd(): void {
    const message = this.#messages.length - 1;
    const content = this.#messages[message]?.content ?? '';
    this.#marks.push({ message, offset: content.length });
  }

  finish(): Conversation {
    const messages = this.#messages.map(({ role, content, fields }) => ({ ...fields, role, content }));
    const last = this.#messages.at(-1);
    const marks = this.#marks;
    if (last?.role !== 'assistant') return { messages, marks, prefill: '' };
    if (Object.keys(last.fields).length > 0) {
      throw new HeddleError(
        'invalid_parameter',
        'The last message is an assistant’s with thinking or tool_use: only text can be gone on with. Results of tools come in a user message.',
        { param: 'messages' },
      );
    }
    const before = messages.slice(0, -1);
    return {
      messages: before,
      marks: marks.filter((mark) => mark.message < before.length),
      prefill: last.content,
    };
  }

  #addResult(block: ToolResultBlock): void {
    const text = block.content.map((part) => part.text).join(separators.tool);
    const result = this.#open('tool');
    result.fields['tool_call_id'] = block.tool_use_id;
    result.content = block.is_error ? asError(text) : text;
    if (isMarked(block) || block.content.some(isMarked)) this.markEnd();
  }

  #last(role: OpenMessage['role']): OpenMessage {
    const last = this.#messages.at(-1);
    return last?.role === role ? last : this.#open(role);
  }

  #open(role: OpenMessage['role']): OpenMessage {
    const message: OpenMessage = { role, content: '', fields: {} };
    this.#messages.push(message);
    return message;
  }
}

/** Templates have no other place for it. */
function asError(text: string): string {
  return /^\W*error\b/i.test(text) ? text : `Error: ${text}`;
}

function isMarked({ cache_control: mark }: { cache_control?: object | null | undefined }): boolean {
  return mark !== undefined && mark !== null;
}

function join(before: unknown, more: string): string {
  return typeof before === 'string' && before !== '' ? `${before}\n${more}` : more;
}

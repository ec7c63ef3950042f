import { HeddleError } from '../../../core/errors.js';
import type { ChatMessage } from '../../../prompt/chat-message.js';
import type { FunctionCall, Item } from './item.js';

/** A message of the assistant, while more can belong to it. */
interface Turn {
  reasoning: string[];
  content: string[];
  readonly calls: object[];
}

/**
 * What was said as chat templates read it. Reasoning, text and calls that follow each other in this order are one message
 * of the assistant, as the model wrote them.
 * @param sentFrom where what the client sent with this request begins: errors name its place there
 * @throws HeddleError `invalid_parameter` for the output of a call that is not there
 */
export function toChatMessages(
  instructions: string | undefined,
  items: readonly Item[],
  sentFrom: number,
): ChatMessage[] {
  const messages: ChatMessage[] =
    instructions === undefined ? [] : [{ role: 'system', content: instructions }];
  const calls = new Set<string>();
  let turn: Turn | undefined;
  const close = (): void => {
    if (turn !== undefined) messages.push(toMessage(turn));
    turn = undefined;
  };
  /** The turn that goes on, if it has nothing that comes later in one. */
  const goOn = (isOver: (turn: Turn) => boolean): Turn => {
    if (turn !== undefined && isOver(turn)) close();
    turn ??= { reasoning: [], content: [], calls: [] };
    return turn;
  };
  for (const [index, item] of items.entries()) {
    switch (item.type) {
      case 'reasoning':
        goOn(({ content, calls: made }) => content.length + made.length > 0).reasoning.push(
          joined(item.content),
        );
        break;
      case 'function_call':
        calls.add(item.call_id);
        goOn(() => false).calls.push(toCall(item));
        break;
      case 'message':
        if (item.role === 'assistant') {
          const isOver = ({ content, calls: made }: Turn): boolean => content.length + made.length > 0;
          goOn(isOver).content.push(joined(item.content));
        } else {
          close();
          messages.push({
            role: item.role === 'developer' ? 'system' : item.role,
            content: joined(item.content),
          });
        }
        break;
      case 'function_call_output':
        if (!calls.has(item.call_id)) throw noSuchCall(index - sentFrom);
        close();
        messages.push({ role: 'tool', tool_call_id: item.call_id, content: joined(item.output) });
        break;
    }
  }
  close();
  return messages;
}

function toMessage({ reasoning, content, calls }: Turn): ChatMessage {
  return {
    role: 'assistant',
    content: content.join('\n'),
    ...(reasoning.length === 0 ? {} : { reasoning_content: reasoning.join('\n') }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function toCall({ call_id, name, arguments: text }: FunctionCall): object {
  return { id: call_id, type: 'function', function: { name, arguments: text } };
}

/** Parts of a text are lines, as in chat completions. */
function joined(content: string | readonly { readonly text: string }[]): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('\n');
}

function noSuchCall(index: number): HeddleError {
  return new HeddleError('invalid_parameter', 'There is no call before it with this "call_id".', {
    param: `input[${index}].call_id`,
  });
}

import { newItemId, outputText, type InputText, type Item, type ItemStatus } from './item.js';
import type { SentItem } from './input-schema.js';

/**
 * What a client has sent, in the one form that items have. Those without an id, or with one that another has, get one.
 * @param taken ids of what was said before
 */
export function toItems(sent: readonly SentItem[], taken: Iterable<string>): Item[] {
  const ids = new Set(taken);
  return sent.map((one) => {
    const item = toItem(one);
    const id = ids.has(item.id) ? newItemId(item.type) : item.id;
    ids.add(id);
    return { ...item, id };
  });
}

function toItem(sent: SentItem): Item {
  const status: ItemStatus = sent.status ?? 'completed';
  switch (sent.type) {
    case 'function_call': {
      const { call_id, name, arguments: text, id } = sent;
      const type = sent.type;
      return { id: id ?? newItemId(type), type, status, call_id, name, arguments: text };
    }
    case 'function_call_output': {
      const { type, call_id, output, id } = sent;
      return { id: id ?? newItemId(type), type, status, call_id, output };
    }
    case 'reasoning': {
      const { type, content, id } = sent;
      return { id: id ?? newItemId(type), type, status, summary: [], content: content ?? [] };
    }
    case 'message':
    case undefined: {
      const id = sent.id ?? newItemId('message');
      const { role, content } = sent;
      const texts = typeof content === 'string' ? [content] : content.map(({ text }) => text);
      if (role === 'assistant')
        return { id, type: 'message', role, status, content: texts.map((text) => outputText(text)) };
      return { id, type: 'message', role, status, content: texts.map(inputText) };
    }
  }
}

function inputText(text: string): InputText {
  return { type: 'input_text', text };
}

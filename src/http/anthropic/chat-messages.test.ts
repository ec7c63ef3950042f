import { expect, test } from 'vitest';
import { toConversation } from './chat-messages.js';

test('a turn may have any number of calls: no list is copied for each', () => {
  const content = Array.from({ length: 100_000 }, (_, at) => ({
    type: 'tool_use' as const,
    id: `call_${at}`,
    name: 'look',
    input: { at },
  }));
  const turns = [
    { role: 'assistant' as const, content },
    { role: 'user' as const, content: [{ type: 'text' as const, text: 'Well?' }] },
  ];
  const { messages } = toConversation([], turns, { marksEnd: false });
  expect(messages).toHaveLength(2);
  const calls = messages[0]?.['tool_calls'] as object[];
  expect(calls).toHaveLength(content.length);
  expect(calls.at(-1)).toEqual({
    id: 'call_99999',
    type: 'function',
    function: { name: 'look', arguments: '{"at":99999}' },
  });
});

import { expect, it } from 'vitest';
import { toChatMessages } from './chat-messages.js';
import { toItems } from './input-items.js';
import type { SentItem } from './input-schema.js';

const messages = (sent: SentItem[], instructions?: string) =>
  toChatMessages(instructions, toItems(sent, []), 0);

const call = (id: string): SentItem => ({ type: 'function_call', call_id: id, name: 'f', arguments: '{}' });
const made = (id: string): object => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } });
const reasoning = (text: string): SentItem => ({
  type: 'reasoning',
  content: [{ type: 'reasoning_text', text }],
});

it('reasoning, text and calls in a row are one message of the assistant', () => {
  const sent: SentItem[] = [
    { role: 'user', content: 'Hi' },
    reasoning('Hm.'),
    { role: 'assistant', content: 'Let me look.' },
    call('a'),
    call('b'),
    { type: 'function_call_output', call_id: 'a', output: 'A' },
    { type: 'function_call_output', call_id: 'b', output: [{ type: 'input_text', text: 'B' }] },
    reasoning('So.'),
    call('c'),
    { type: 'function_call_output', call_id: 'c', output: 'C' },
    { role: 'assistant', content: 'Done.' },
  ];
  expect(messages(sent, 'Be terse.')).toEqual([
    { role: 'system', content: 'Be terse.' },
    { role: 'user', content: 'Hi' },
    {
      role: 'assistant',
      content: 'Let me look.',
      reasoning_content: 'Hm.',
      tool_calls: [made('a'), made('b')],
    },
    { role: 'tool', tool_call_id: 'a', content: 'A' },
    { role: 'tool', tool_call_id: 'b', content: 'B' },
    { role: 'assistant', content: '', reasoning_content: 'So.', tool_calls: [made('c')] },
    { role: 'tool', tool_call_id: 'c', content: 'C' },
    { role: 'assistant', content: 'Done.' },
  ]);
});

it('two texts of the assistant are two messages, and so is reasoning after one', () => {
  const sent: SentItem[] = [
    { role: 'assistant', content: 'One.' },
    { role: 'assistant', content: 'Two.' },
    reasoning('Hm.'),
  ];
  expect(messages(sent)).toEqual([
    { role: 'assistant', content: 'One.' },
    { role: 'assistant', content: 'Two.' },
    { role: 'assistant', content: '', reasoning_content: 'Hm.' },
  ]);
});

it('a developer is the system, and parts are lines', () => {
  const parts = ['a', 'b'].map((text) => ({ type: 'input_text' as const, text }));
  expect(messages([{ role: 'developer', content: parts }])).toEqual([{ role: 'system', content: 'a\nb' }]);
});

it('an id that another item has is not given twice', () => {
  const items = toItems(
    [{ role: 'user', content: 'a', id: 'x' }, { role: 'user', content: 'b', id: 'x' }, call('c')],
    [],
  );
  expect(items[0]?.id).toBe('x');
  expect(new Set(items.map(({ id }) => id)).size).toBe(3);
  expect(toItems([{ role: 'user', content: 'a', id: 'x' }], ['x'])[0]?.id).not.toBe('x');
});

it('an output names the place of its item in what was sent when its call is not there', () => {
  const items = toItems(
    [
      { role: 'user', content: 'a' },
      { type: 'function_call_output', call_id: 'x', output: '' },
    ],
    [],
  );
  expect(() => toChatMessages(undefined, [...items.slice(0, 1), ...items], 1)).toThrow(
    expect.objectContaining({ code: 'invalid_parameter', param: 'input[1].call_id' }),
  );
});

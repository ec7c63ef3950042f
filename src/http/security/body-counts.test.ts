import { expect, test } from 'vitest';
import type { RequestLimits } from '../../core/access.js';
import { checkCounts } from './body-counts.js';

const limits: RequestLimits = { bodyBytes: 1, depth: 1, messages: 2, tools: 2, stops: 2, stopLength: 3 };
const three = ['a', 'b', 'c'];

test.each<[string, object, string]>([
  ['messages', { messages: three }, 'A request may have 2 messages, not 3.'],
  ['tools', { tools: three }, 'A request may have 2 tools, not 3.'],
  ['functions', { functions: three }, 'A request may have 2 functions, not 3.'],
  ['stop', { stop: three }, 'A request may have 2 stop strings, not 3.'],
  ['stop', { stop: 'abcd' }, 'A stop string may have 3 characters.'],
  ['stop', { stop: ['a', 'abcd'] }, 'A stop string may have 3 characters.'],
  ['stop_sequences', { stop_sequences: three }, 'A request may have 2 stop strings, not 3.'],
  ['options.stop', { options: { stop: three } }, 'A request may have 2 stop strings, not 3.'],
])('more %s than a request may have are refused: %j', (param, body, message) => {
  expect(() => checkCounts(body, limits)).toThrow(
    expect.objectContaining({ code: 'invalid_parameter', param, message }),
  );
});

test.each<[string, unknown[], number]>([
  ['parts of one message', [{ content: three }], 3],
  ['parts of several', [{ content: ['a', 'b'] }, { content: 'text' }], 3],
  ['parts of a result', [{ content: [{ type: 'tool_result', content: three }] }], 3],
  ['a result and texts', [{ content: ['a', { content: ['b', 'c'] }] }], 3],
  ['calls', [{ content: 'text', tool_calls: three }], 3],
  ['parts and calls', [{ content: ['a', 'b'], tool_calls: ['c', 'd'] }], 4],
])('a message counts as many as it has parts: %s', (_, messages, count) => {
  const refusal = { code: 'invalid_parameter', param: 'messages' };
  const message = `A request may have ${count - 1} messages and parts of them, not ${count}.`;
  expect(() => checkCounts({ messages }, { ...limits, messages: count })).not.toThrow();
  expect(() => checkCounts({ messages }, { ...limits, messages: count - 1 })).toThrow(
    expect.objectContaining({ ...refusal, message }),
  );
});

test('tools that are chosen from count as those that are offered', () => {
  const choices = {
    'tool_choice.tools': { tools: three },
    'tool_choice.allowed_tools.tools': { allowed_tools: { tools: three } },
  };
  for (const [param, tool_choice] of Object.entries(choices))
    expect(() => checkCounts({ tool_choice }, limits)).toThrow(
      expect.objectContaining({
        code: 'invalid_parameter',
        param,
        message: 'A request may have 2 tools, not 3.',
      }),
    );
});

test.each([
  undefined,
  null,
  'text',
  three,
  { messages: 'abcd', tools: { a: 1, b: 2, c: 3 }, stop: 5, options: null },
  { messages: ['a', 'b'], tools: [], stop: ['abc', 5], options: { stop: 'abc' }, stop_sequences: null },
])('a body of another kind, or within the limits, is left to the schemas: %j', (body) => {
  expect(() => checkCounts(body, limits)).not.toThrow();
});

import { describe, expect, it } from 'vitest';
import { begins, matches } from '../testing/grammar-reader.js';
import { anyOf, composeGrammar, inOrder, literal } from './gbnf-text.js';
import { Grammar } from './grammar.js';
import { textUntil, textWithout } from './marker-grammar.js';
import { toolArgumentsGrammar } from './tool-arguments-grammar.js';

describe('toolArgumentsGrammar', () => {
  const tools = [
    {
      name: 'weather',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
    { name: 'now', parameters: undefined },
    {
      name: 'add',
      parameters: { properties: { a: { $ref: '#/$defs/n' } }, $defs: { n: { type: 'integer' } } },
    },
  ];

  it('is put together with the form in which a model writes calls', () => {
    const parts = tools.map(({ parameters }, index) =>
      toolArgumentsGrammar(parameters, {
        name: `args-${index}`,
        path: `tools[${index}].function.parameters`,
      }),
    );
    const calls = tools.map(({ name }, index) =>
      inOrder(
        literal(`<tool_call>\n{"name": "${name}", "arguments": `),
        parts[index]?.name ?? '',
        literal('}\n</tool_call>'),
      ),
    );
    const grammar = new Grammar(composeGrammar({ root: anyOf(calls), rules: parts }));
    const call = (name: string, args: string): string =>
      `<tool_call>\n{"name": "${name}", "arguments": ${args}}\n</tool_call>`;
    expect(matches(grammar, call('weather', '{"city": "Oslo"}'))).toBe(true);
    expect(matches(grammar, call('now', '{"anything": [1]}'))).toBe(true);
    expect(matches(grammar, call('add', '{"a": 3}'))).toBe(true);
    expect(matches(grammar, call('add', '{}'))).toBe(true);
    expect(matches(grammar, call('weather', '{}'))).toBe(false);
    expect(matches(grammar, call('add', '3'))).toBe(false);
    expect(begins(grammar, '<tool_call>\n{"name": "o')).toBe(false);
  });

  it('says where in the request a schema can not be enforced', () => {
    const parameters = { type: 'object', properties: { a: { type: 'number', multipleOf: 2 } } };
    expect(() =>
      toolArgumentsGrammar(parameters, { name: 'args-1', path: 'tools[1].function.parameters' }),
    ).toThrow(
      expect.objectContaining({ param: 'tools[1].function.parameters.properties.a.multipleOf' }) as Error,
    );
  });
});

describe('marker grammars', () => {
  it('end with the first occurrence of the marker', () => {
    const part = textUntil('</think>', 'thought');
    const grammar = new Grammar(composeGrammar({ root: inOrder(part.name, '"!"'), rules: [part] }));
    for (const text of ['</think>!', 'a < b </thin </think>!', '<</</think>!'])
      expect([text, matches(grammar, text)]).toEqual([text, true]);
    for (const text of ['a', '</think>', '</think>a</think>!'])
      expect([text, matches(grammar, text)]).toEqual([text, false]);
  });

  it('have only texts without the marker', () => {
    const part = textWithout(['aab'], 'free');
    const grammar = new Grammar(composeGrammar({ root: part.name, rules: [part] }));
    for (const text of ['', 'aaa', 'abaa', 'é']) expect([text, matches(grammar, text)]).toEqual([text, true]);
    for (const text of ['aab', 'xaaabx']) expect([text, begins(grammar, text)]).toEqual([text, false]);
  });
});

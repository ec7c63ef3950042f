import { describe, expect, it } from 'vitest';
import type { ModelInfo } from '../core/model-runner.js';
import type { ChatMessage } from './chat-message.js';
import { renderChat } from './chat-template.js';
import { shapeMessages, type MessageShape } from './template-messages.js';

const plain: MessageShape = {
  arguments: 'object',
  format: { name: 'hermes', callIds: 'random' },
  hasThinkingParts: false,
};
const called = (id: string, text: string, fields: object = {}): ChatMessage => ({
  role: 'assistant',
  content: '',
  tool_calls: [{ id, type: 'function', function: { name: 'f', arguments: text } }],
  ...fields,
});
const result = (id: string): ChatMessage => ({ role: 'tool', content: '2', tool_call_id: id });
const callsOf = (message: unknown): { id: string; function: { arguments: unknown } }[] =>
  (message as { tool_calls: { id: string; function: { arguments: unknown } }[] }).tool_calls;

describe('messages for a template', () => {
  it('have the arguments of calls as objects, where they are', () => {
    const [object, empty, broken] = shapeMessages(
      [called('1', '{"a": 1}'), called('2', ''), called('3', '{"a": ')],
      plain,
    );
    expect(callsOf(object)[0]?.function.arguments).toEqual({ a: 1 });
    expect(callsOf(empty)[0]?.function.arguments).toEqual({});
    expect(callsOf(broken)[0]?.function.arguments).toBe('{"a": ');
  });

  it('have results with the names of their tools', () => {
    const [, named, unknown] = shapeMessages([called('1', '{}'), result('1'), result('9')], plain);
    expect(named).toEqual({ role: 'tool', content: '2', tool_call_id: '1', name: 'f' });
    expect(unknown).toEqual(result('9'));
  });

  it.each([
    ['mistral', /^[A-Za-z0-9]{9}$/, 'abcDEF123'],
    ['kimi', /^functions\.f:\d+$/, 'functions.f:7'],
  ] as const)('have ids as %s wants them, the same for call and result', (callIds, form, known) => {
    const shape = { ...plain, format: { name: 'mistral', callIds } as const };
    const [first, firstResult, second, secondResult] = shapeMessages(
      [called('call_1', '{}'), result('call_1'), called(known, '{}'), result(known)],
      shape,
    );
    const id = callsOf(first)[0]?.id;
    expect(id).toMatch(form);
    expect(firstResult).toMatchObject({ tool_call_id: id });
    expect(callsOf(second)[0]?.id).toBe(known);
    expect(secondResult).toMatchObject({ tool_call_id: known });
  });

  it('have earlier reasoning where the template looks for it', () => {
    const said: ChatMessage = { role: 'assistant', content: 'Yes', reasoning_content: 'Hm' };
    expect(shapeMessages([said], plain)).toEqual([said]);
    const harmony = { ...plain, format: { name: 'harmony', callIds: 'random' } as const };
    expect(shapeMessages([said], harmony)).toEqual([{ role: 'assistant', content: 'Yes', thinking: 'Hm' }]);
    const [beside] = shapeMessages([called('1', '{}', { content: 'x', reasoning_content: 'Hm' })], harmony);
    expect(beside).toMatchObject({ content: '', thinking: 'Hm' });
    expect(shapeMessages([said], { ...plain, hasThinkingParts: true })).toEqual([
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm' },
          { type: 'text', text: 'Yes' },
        ],
      },
    ]);
  });

  it('are left alone where there is nothing to shape', () => {
    const messages: ChatMessage[] = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Ho' },
    ];
    expect(shapeMessages(messages, plain)).toEqual(messages);
  });
});

describe('a template', () => {
  const info = (chatTemplate: string, fields: Partial<ModelInfo> = {}): ModelInfo =>
    ({ chatTemplate, bosText: '', eosText: '', ...fields }) as ModelInfo;
  const each = (what: string): string =>
    `{%- for m in messages %}{%- for c in m.tool_calls or [] %}{{ ${what} }}{%- endfor %}{%- endfor %}`;
  const write = (template: string, variables = {}): string =>
    renderChat(info(template), [{ role: 'user', content: 'Hi' }, called('1', '{"a": 1}')], variables).text;

  it('that makes JSON of arguments is given objects, and one that takes them as they are is given texts', () => {
    expect(write(each('c.function.arguments | tojson'))).toBe('{"a": 1}');
    expect(write(each("'<' + c.function.arguments + '>'"))).toBe('<{"a": 1}>');
    expect(
      write(
        `{%- for m in messages %}{%- for c in m.tool_calls or [] %}{%- for k, v in c.function.arguments | items %}{{ k ~ '=' ~ v }}{%- endfor %}{%- endfor %}{%- endfor %}`,
      ),
    ).toBe('a=1');
  });

  const tools = [{ type: 'function', function: { name: 'f' } }];
  const withTools = "{{ '<tool_call>' }}{%- for t in tools or [] %}{{ t.function | tojson }}{%- endfor %}";

  it('is given tools with all that templates look for in them', () => {
    expect(write(withTools, { tools })).toContain(
      '{"description": "", "name": "f", "parameters": {"properties": {}, "type": "object"}}',
    );
  });

  it('of its own for tools is taken for chats with tools', () => {
    const model = info('plain', { toolChatTemplate: `tools: ${withTools}` });
    expect(renderChat(model, [], {}).text).toBe('plain');
    expect(renderChat(model, [], { tools }).text).toContain('tools: ');
    expect(renderChat(model, [], { tools: [] }).text).toBe('plain');
  });

  it.each([
    ['knows no tools', 'Hi <tool_call>'],
    ['has them called in a way that is not known', '{{ tools }}'],
  ])('that %s refuses them', (_, template) => {
    expect(() => write(template, { tools })).toThrow(
      expect.objectContaining({ code: 'unsupported_by_model', param: 'tools' }),
    );
  });
});

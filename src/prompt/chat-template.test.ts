import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ModelInfo } from '../core/model-runner.js';
import { renderChat, type ChatMessage } from './chat-template.js';

const starterTemplate = readFileSync('models/starter/recipe/chat_template.jinja', 'utf8');
const user: ChatMessage = { role: 'user', content: 'Hi' };

function modelWith(chatTemplate: string | undefined, fields: Partial<ModelInfo> = {}): ModelInfo {
  return {
    description: '',
    architecture: '',
    kind: 'generation',
    stateFormat: '',
    parameters: 0,
    weightBytes: 0,
    vocabularySize: 0,
    longestTokenBytes: 1,
    trainingContext: 0,
    contextSize: 0,
    slots: 1,
    lanes: 1,
    memory: 'cells',
    batchSize: 1,
    outputRows: 1,
    causal: true,
    canCut: true,
    bosText: '<s>',
    eosText: '</s>',
    addsBos: true,
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    ...fields,
  };
}

describe('a chat prompt', () => {
  it("is written by the model's own template", () => {
    const { text } = renderChat(modelWith(starterTemplate), [{ role: 'system', content: 'Be kind.' }, user]);
    expect(text).toBe(
      '<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
    );
  });

  it('carries tool calls and their results', () => {
    const { text } = renderChat(modelWith(starterTemplate), [
      user,
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: '1', type: 'function', function: { name: 'add', arguments: '{"a": 1}' } }],
      },
      { role: 'tool', content: '2', tool_call_id: '1' },
    ]);
    expect(text).toContain('<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>');
    expect(text).toContain('<tool_response>\n2\n</tool_response>');
  });

  it("takes the client's variables, but not in place of its own", () => {
    const model = modelWith('{{ messages | length }}{{ mood }}{{ bos_token }}');
    expect(renderChat(model, [user], { mood: 'good', messages: [], bos_token: 'x' }).text).toBe('1good<s>');
  });

  it('has its BOS token once: from the template, or else from the tokenizer', () => {
    expect(renderChat(modelWith('{{ bos_token }}Hi'), [user]).addSpecial).toBe(false);
    expect(renderChat(modelWith('Hi'), [user]).addSpecial).toBe(true);
    expect(renderChat(modelWith('Hi', { bosText: '' }), [user]).addSpecial).toBe(true);
  });

  it('is refused by a model without a template', () => {
    expect(() => renderChat(modelWith(undefined), [user])).toThrow(
      expect.objectContaining({ code: 'chat_template_missing' }),
    );
  });

  it("is refused with the template's own words when that does not accept the messages", () => {
    const model = modelWith("{{ raise_exception('roles must alternate') }}");
    expect(() => renderChat(model, [user, user])).toThrow(
      expect.objectContaining({
        code: 'chat_template_failed',
        message: expect.stringContaining('roles must alternate') as string,
      }),
    );
  });

  it.each([
    ['can not be parsed', '{% frobnicate %}x{% endfrobnicate %}'],
    ['calls what there is not', '{{ messages | shuffle }}'],
    ['has keys that are lists', '{% set x = {(1, 2): 3} %}'],
  ])('is refused with advice when its template %s, whatever the messages', (_, template) => {
    expect(() => renderChat(modelWith(template), [user])).toThrow(
      expect.objectContaining({
        code: 'chat_template_failed',
        status: 400,
        param: undefined,
        message: expect.stringMatching(
          /can not be used, whatever the messages: .+\. .+\/v1\/completions/,
        ) as string,
      }),
    );
  });

  it('is refused because of the messages when only these make the template fail', () => {
    const model = modelWith(
      '{{ messages[0].content + messages[0].mood }}{% if messages | length > 9 %}{% endif %}',
    );
    const template =
      "{% for m in messages %}{% if m.role == 'system' %}{{ m.content | shuffle }}{% endif %}{% endfor %}";
    expect(() => renderChat(model, [user])).toThrow('whatever the messages');
    expect(renderChat(modelWith(template), [user]).text).toBe('');
    expect(() => renderChat(modelWith(template), [{ role: 'system', content: 'x' }])).toThrow(
      expect.objectContaining({
        code: 'chat_template_failed',
        param: 'messages',
        message: expect.stringContaining('does not accept these messages: ') as string,
      }),
    );
  });
});

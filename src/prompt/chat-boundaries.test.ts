import { describe, expect, it } from 'vitest';
import type { ModelInfo } from '../core/model-runner.js';
import { chatBoundaries } from './chat-boundaries.js';
import { writeChat } from './chat-prompt.js';
import { renderChat, type ChatMessage } from './chat-template.js';

const plain =
  "{%- for m in messages %}{{ '<' + m.role + '>' + m.content + '</>' }}{%- endfor %}{{ '<assistant>' }}";
/** The marks of Hermes's calls, which a template must have to be given tools. */
const withTools = `{#- <tool_call></tool_call> #}{%- for tool in tools %}{{ tool.function.name + '. ' }}{%- endfor %}${plain}`;
const trimming = plain.replace('m.content', '(m.content | trim)');
const picky = plain.replace(
  '{%- for',
  "{%- if messages[0].content != 'a' %}{{ raise_exception('no') }}{%- endif %}{%- for",
);
const deaf = plain.replace('messages', 'messages[:1]');

const info = (chatTemplate: string, memory: ModelInfo['memory'] = 'state'): ModelInfo =>
  ({ chatTemplate, bosText: '', eosText: '', memory }) as ModelInfo;

const say = (...contents: readonly string[]): ChatMessage[] =>
  contents.map((content, at) => ({ role: at % 2 === 0 ? 'user' : 'assistant', content }));
const system: ChatMessage = { role: 'system', content: 'Be kind.' };

/** What the prompt says up to each boundary. */
function texts(template: string, messages: readonly ChatMessage[], variables = {}): string[] {
  const { text } = renderChat(info(template), messages, variables);
  return chatBoundaries(info(template), { messages, variables }, text).map((end) => text.slice(0, end));
}

describe('where other chats may begin as one does', () => {
  it('is before the first question, and after each message from there on', () => {
    expect(texts(plain, [system, ...say('a', 'b')])).toEqual([
      '<system>Be kind.</><user>',
      '<system>Be kind.</><user>a',
      '<system>Be kind.</><user>a</><assistant>b',
    ]);
  });

  it('is after the tools, wherever the template writes them', () => {
    const tools = ['x', 'y'].map((name) => ({ type: 'function', function: { name, parameters: {} } }));
    expect(texts(withTools, say('a'), { tools })).toEqual(['x. y. <user>', 'x. y. <user>a']);
  });

  it('is known where the template trims texts, and where some have none', () => {
    expect(texts(trimming, [system, ...say(' a ', '', 'b')])).toEqual([
      '<system>Be kind.</><user>',
      '<system>Be kind.</><user>a',
      '<system>Be kind.</><user>a</><assistant></><user>b',
    ]);
  });

  it('is not known of a template that takes no other texts, or leaves messages out', () => {
    expect(texts(picky, say('a', 'b'))).toEqual([]);
    expect(texts(deaf, [system, ...say('a')])).toEqual([]);
    expect(texts(plain, [system])).toEqual(['<system>Be kind.']);
  });

  it('is looked for only where a memory can not be cut', () => {
    const chat = { messages: [system, ...say('a')], variables: {} };
    const rules = {} as Parameters<typeof writeChat>[2];
    expect(writeChat(info(plain, 'cells'), chat, rules).prompt).not.toHaveProperty('boundaries');
    expect(writeChat(info(plain, 'cells-and-state'), chat, rules).prompt.boundaries).toEqual([25, 26]);
  });
});

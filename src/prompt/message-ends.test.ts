import { describe, expect, it } from 'vitest';
import type { ModelInfo } from '../core/model-runner.js';
import { renderChat, type ChatMessage } from './chat-template.js';
import { messageAt, messageEnds } from './message-ends.js';

const plain =
  "{%- for m in messages %}{{ '<' + m.role + '>' + m.content + '</>' }}{%- endfor %}{{ '<assistant>' }}";
const trimming = plain.replace('m.content', '(m.content | trim)');
/** Of what a model said, it writes what comes after the reasoning, and upper case of what users did. */
const rewriting = plain.replace('m.content', "m.content.split('</think>')[-1]");
const shouting = plain.replace('m.content', '(m.content | upper)');
const picky = plain.replace(
  '{%- for',
  "{%- if messages[0].content != 'Be kind' %}{{ raise_exception('no') }}{%- endif %}{%- for",
);

const info = (chatTemplate: string): ModelInfo => ({ chatTemplate, bosText: '', eosText: '' }) as ModelInfo;

/** What the prompt says up to the end of each message. */
function texts(chatTemplate: string, contents: readonly string[]): (string | undefined)[] {
  const messages: ChatMessage[] = contents.map((content) => ({ role: 'user', content }));
  const { text } = renderChat(info(chatTemplate), messages, {});
  const ends = messageEnds(info(chatTemplate), { messages, variables: {} }, text);
  return ends.map((end) => (end === undefined ? undefined : text.slice(0, end)));
}

describe('the ends of messages in a prompt', () => {
  it.each([
    ['writes texts as they are', plain, ['a', 'a b '], ['<user>a', '<user>a</><user>a b']],
    ['trims texts', trimming, [' a ', '\nb\n'], ['<user>a', '<user>a</><user>b']],
    ['leaves a part of them out', rewriting, ['x</think>a', 'b'], ['<user>a', '<user>a</><user>b']],
    ['writes texts in its own way', shouting, ['a', 'B'], ['<user>A', '<user>A</><user>B']],
  ])('are known where the template %s', (_, template, contents, expected) => {
    expect(texts(template, contents)).toEqual(expected);
  });

  it('are not known of messages without text', () => {
    expect(texts(plain, ['a', '', 'b'])).toEqual(['<user>a', undefined, '<user>a</><user></><user>b']);
  });

  it('are not known where a mark changes the prompt, or is in it already', () => {
    expect(texts(picky, ['Be kind', 'a'])).toEqual([undefined, undefined]);
    expect(texts(plain, ['a', '\u{f0005}b'])).toEqual([undefined, undefined]);
  });

  it('say which message an offset is in', () => {
    const ends = [3, undefined, 10];
    expect([0, 3, 4, 10, 11].map((offset) => messageAt(ends, offset))).toEqual([0, 0, 2, 2, undefined]);
  });
});

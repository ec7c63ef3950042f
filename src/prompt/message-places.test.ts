import { describe, expect, it } from 'vitest';
import type { ModelInfo } from '../core/model-runner.js';
import { stableRuleNames, type StableRuleSwitches } from '../core/stable-rules.js';
import { renderChat, type ChatMessage } from './chat-template.js';
import { placesInPrompt } from './message-places.js';
import { stabilise } from './stable-prompt.js';

const rules = Object.fromEntries(
  stableRuleNames.map((name) => [name, name === 'billing_header']),
) as StableRuleSwitches;
const plain = "{%- for m in messages %}{{ '[' + m.role + ']' + m.content }}{% endfor %}[assistant]";

/** The prompt, cut at the places. */
function cutAt(
  template: string,
  messages: readonly ChatMessage[],
  places: readonly [number, number][],
): string[] {
  const info = { chatTemplate: template, bosText: '', eosText: '' } as ModelInfo;
  const chat = { messages, variables: {} };
  const { text } = renderChat(info, stabilise(chat, rules).chat.messages);
  const at = placesInPrompt(
    info,
    { chat, rules },
    text,
    places.map(([message, offset]) => ({ message, offset })),
  );
  return [0, ...at].map((start, index) => text.slice(start, at[index] ?? text.length));
}

describe('places of messages', () => {
  const header = 'x-anthropic-billing-header: cch=36ee5;\n';
  const messages: ChatMessage[] = [
    { role: 'system', content: `${header}Static.\nDynamic.` },
    { role: 'user', content: 'Hi  ' },
  ];

  it('are found in the prompt, although a rule takes away what stands before them', () => {
    const end = `${header}Static.`.length;
    expect(cutAt(plain, messages, [[0, end]])).toEqual([
      '[system]Static.',
      '\nDynamic.[user]Hi  [assistant]',
    ]);
  });

  it('are before white space', () => {
    expect(cutAt(plain, messages, [[1, 4]])).toEqual(['[system]Static.\nDynamic.[user]Hi', '  [assistant]']);
  });

  it('are in order, and each is told once', () => {
    expect(
      cutAt(
        '{{ messages[1].content }}|{{ messages[0].content }}',
        messages.slice(1).concat(messages.slice(1)),
        [
          [1, 1],
          [1, 1],
          [0, 2],
        ],
      ),
    ).toEqual(['H', 'i  |Hi', '  ']);
  });

  it('are not known where the template makes something else of a text with a mark', () => {
    expect(cutAt('{{ messages[0].content | length }}', messages, [[0, 45]])).toHaveLength(1);
  });
});

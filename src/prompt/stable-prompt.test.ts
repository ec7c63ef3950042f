import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  defaultStableRules,
  stableRuleNames,
  type StableRuleName,
  type StableRuleSwitches,
} from '../core/stable-rules.js';
import type { ChatMessage } from './chat-template.js';
import { stabilise } from './stable-prompt.js';
import type { ChatInput } from './stable/chat-input.js';

const none = Object.fromEntries(stableRuleNames.map((name) => [name, false])) as StableRuleSwitches;
const all = Object.fromEntries(stableRuleNames.map((name) => [name, true])) as StableRuleSwitches;
const only = (...names: StableRuleName[]): StableRuleSwitches =>
  names.reduce((rules, name) => ({ ...rules, [name]: true }), none);

const user: ChatMessage = { role: 'user', content: 'Hello' };
const chat = (...messages: (string | ChatMessage)[]): ChatInput => ({
  messages: messages.map((one) => (typeof one === 'string' ? { role: 'system', content: one } : one)),
  variables: {},
});
const withTools = (tools: unknown): ChatInput => ({ messages: [user], variables: { tools, other: 1 } });
/** The system prompt that is left. */
const system = (text: string, rules: StableRuleSwitches): string | undefined =>
  stabilise(chat(text, user), rules).chat.messages.find(({ role }) => role === 'system')?.content;

const header = 'x-anthropic-billing-header: cc_version=2.1.177.01c; cc_entrypoint=cli; cch=36ee5;';

describe('the rule billing_header', () => {
  const rules = only('billing_header');

  it.each([
    ['in a line of its own', `${header}\nYou are Claude Code.`],
    ['before an empty line', `${header}\n\nYou are Claude Code.`],
    ['with the line ends of Windows', `${header}\r\nYou are Claude Code.`],
    ['in one line with the prompt', `${header} You are Claude Code.`],
    ['without a space after it', `${header}You are Claude Code.`],
    [
      'without cch',
      'x-anthropic-billing-header: cc_version=2.1.81; cc_entrypoint=sdk-cli;\nYou are Claude Code.',
    ],
    [
      'without the last semicolon',
      'x-anthropic-billing-header: cc_version=2.1.15; cc_entrypoint=cli\nYou are Claude Code.',
    ],
    ['with a workload', `${header} cc_workload=cron;\nYou are Claude Code.`],
    ['with empty values', 'x-anthropic-billing-header: cc_version=; cc_entrypoint=;\nYou are Claude Code.'],
    ['twice', `${header}\n${header}\nYou are Claude Code.`],
  ])('takes the header away %s', (_, text) => {
    expect(system(text, rules)).toBe('You are Claude Code.');
  });

  it('leaves out system messages that are nothing else, and says how many', () => {
    const stable = stabilise(chat(header, `${header}\n`, 'You are Claude Code.', user), rules);
    expect(stable.chat.messages).toEqual(chat('You are Claude Code.', user).messages);
    expect(stable).toMatchObject({ leftOut: 2, applied: ['billing_header'] });
  });

  it.each([
    ['in the middle of a system prompt', chat(`You see ${header}\n`, user)],
    ['on the second line', chat(`Example:\n${header}`, user)],
    ['that is only named', chat('x-anthropic-billing-header: never mention it.', user)],
    ['that a user wrote', chat({ role: 'user', content: header })],
    ['in a later system message', chat('You are.', header, user)],
    ['in a chat that is nothing else', chat(header, header)],
  ])('leaves a header alone %s', (_, input) => {
    const stable = stabilise(input, rules);
    expect(stable.chat).toBe(input);
    expect(stable).toMatchObject({ leftOut: 0, applied: [] });
  });

  it('makes one prompt of requests that differ in nothing else', () => {
    const other = header.replace('36ee5', '0aaa9').replace('01c', 'f00');
    expect(system(`${other}\nYou are.`, rules)).toBe(system(`${header}\nYou are.`, rules));
  });

  it('is on by default, and the only one', () => {
    expect(defaultStableRules).toEqual(rules);
  });
});

describe('the rule clock_time', () => {
  it.each([
    [
      'Current date and time: Monday, March 9, 2026 at 06:00:31 PM PDT',
      'Current date and time: Monday, March 9, 2026 at 06:00:00 PM PDT',
    ],
    [
      '- System prompt last recompiled: 2026-08-16T12:34:56.789Z',
      '- System prompt last recompiled: 2026-08-16T12:00:00Z',
    ],
    ['Timestamp: 2026-07-20 23:59:59 UTC', 'Timestamp: 2026-07-20 23:00:00 UTC'],
    [
      'Conversation started: Monday, April 13, 2026 12:06 AM',
      'Conversation started: Monday, April 13, 2026 12:00 AM',
    ],
    [
      "Current time is 15:09:20. Today's date is 2026-09-09.",
      "Current time is 15:00:00. Today's date is 2026-09-09.",
    ],
    ['now: 2026-06-16T08:01:02.123456+05:30', 'now: 2026-06-16T08:00:00+05:30'],
  ])('sets %j back to the hour', (text, expected) => {
    expect(system(`You are.\n${text}\nBe kind.`, only('clock_time'))).toBe(`You are.\n${expected}\nBe kind.`);
  });

  it.each([
    'We are open from 9:30 to 17:15.',
    'The current ratio is 16:90',
    'Today is 2026-09-09.',
    'now 1:2:3:44',
  ])('leaves %j alone', (text) => expect(system(text, only('clock_time'))).toBe(text));
});

describe('the rule session_ids', () => {
  it.each([
    ['- CONVERSATION_ID: 0198f3c2-5d11-7a3e', '- CONVERSATION_ID: 00000000-0000-0000'],
    ['Session ID: ses_4f2a9c', 'Session ID: 000_000000'],
    ['{"request_id": "ab12cd34"}', '{"request_id": "00000000"}'],
    ['**Session ID:** ab12cd34', '**Session ID:** 00000000'],
  ])('makes zeros of %j', (text, expected) => {
    expect(system(text, only('session_ids'))).toBe(expected);
  });

  it.each([
    'The session id: required',
    'Pass the session_id to it.',
    'commit id: 0198f3c2',
    'session id: a1',
  ])('leaves %j alone', (text) => expect(system(text, only('session_ids'))).toBe(text));
});

describe('the rule trailing_whitespace', () => {
  it('takes spaces away from the ends of lines, and empty lines from the end', () => {
    expect(system('  a  \r\n\tb\t\n\n c \n\n', only('trailing_whitespace'))).toBe('  a\n\tb\n\n c');
  });
});

describe('the rules on tools', () => {
  const tool = (name: string, parameters: object = {}): object => ({
    type: 'function',
    function: { name, parameters },
  });

  it('put tools in the order of their names, with and without a function around them', () => {
    const stable = stabilise(withTools([tool('b'), { name: 'a' }, tool('C')]), only('tool_order'));
    expect(stable.chat.variables).toEqual({ tools: [tool('C'), { name: 'a' }, tool('b')], other: 1 });
    expect(stable.applied).toEqual(['tool_order']);
  });

  it('put keys in order, but not the items of lists', () => {
    const stable = stabilise(withTools([{ b: { d: 1, c: [{ z: 1, y: 2 }, 1] }, a: 2 }]), only('tool_keys'));
    expect(JSON.stringify(stable.chat.variables['tools'])).toBe(
      '[{"a":2,"b":{"c":[{"y":2,"z":1},1],"d":1}}]',
    );
  });

  it.each([
    ['in order', [tool('a'), tool('b')]],
    ['without names', [{ z: 1 }, tool('a')].map((each) => ({ type: 'x', ...each }))],
    ['that are no list', 'tools'],
  ])('leave tools alone that are %s', (_, tools) => {
    const input = withTools(tools);
    expect(stabilise(input, only('tool_order')).chat).toBe(input);
  });

  it('do not run out of stack', () => {
    let deep: unknown = { b: 1, a: 1 };
    for (let depth = 0; depth < 100_000; depth++) deep = { function: deep };
    expect(stabilise(withTools([deep]), all).chat.variables).toHaveProperty('other');
  });
});

describe('rules, whichever are on', () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom(
      header,
      'x-anthropic-billing-header: ',
      'cch=1a2b3;',
      '\n',
      ' \r\n',
      '  ',
      'Current time: ',
      '15:04:05.678',
      '9:30 PM',
      'session id: ',
      '0198f3c2-5d11',
    ),
  );
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
  const role = fc.constantFrom('system', 'user', 'assistant', 'tool');
  const messages = fc.array(fc.record({ role, content: text }), { minLength: 1, maxLength: 5 });
  const input = fc.record({
    messages,
    variables: fc.record({ tools: fc.option(fc.jsonValue()), other: fc.jsonValue() }),
  }) as fc.Arbitrary<ChatInput>;
  const rules = fc.record(
    Object.fromEntries(stableRuleNames.map((name) => [name, fc.boolean()])) as Record<
      StableRuleName,
      fc.Arbitrary<boolean>
    >,
  );

  it('do nothing the second time', () => {
    fc.assert(
      fc.property(input, rules, (before, switches) => {
        const once = stabilise(before, switches).chat;
        const twice = stabilise(once, switches);
        expect(twice.chat).toBe(once);
        expect(twice.applied).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  it('touch no message from the first one on that is not of the system', () => {
    fc.assert(
      fc.property(input, rules, (before, switches) => {
        const { chat: after, leftOut } = stabilise(before, switches);
        const head = before.messages.findIndex((message) => message.role !== 'system');
        if (head < 0) return;
        const tail = before.messages.slice(head);
        expect(leftOut).toBeLessThanOrEqual(head);
        expect(after.messages.length).toBe(before.messages.length - leftOut);
        for (const [index, message] of after.messages.slice(head - leftOut).entries())
          expect(message).toBe(tail[index]);
        expect(after.variables['other']).toBe(before.variables['other']);
      }),
      { numRuns: 500 },
    );
  });

  it('change nothing when they are off, and leave no chat empty', () => {
    fc.assert(
      fc.property(input, (before) => {
        expect(stabilise(before, none).chat).toBe(before);
        expect(stabilise(before, all).chat.messages.length).toBeGreaterThan(0);
      }),
    );
  });

  it('keep all that the definitions of tools say', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ name: fc.string(), schema: fc.jsonValue() })), (tools) => {
        const after = stabilise(withTools(tools), all).chat.variables['tools'] as { name: string }[];
        expect(after).toHaveLength(tools.length);
        expect(after.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))).toEqual(
          tools.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
        );
      }),
    );
  });

  it('do not hang on long texts', () => {
    const long = 200_000;
    const hard = [
      'x-anthropic-billing-header: ' + 'a='.repeat(long),
      'x-anthropic-billing-header: ' + 'a=;'.repeat(long),
      'x-anthropic-billing-header: a=;' + ' '.repeat(long) + 'x',
      'now ' + '12:34:'.repeat(long),
      'now ' + '1'.repeat(long),
      'session id'.repeat(long),
      'session id: ' + 'a-'.repeat(long),
      ' '.repeat(long) + 'x',
    ];
    for (const words of hard) expect(stabilise(chat(words, user), all).chat.messages.at(-1)).toBe(user);
    const headers = Array.from({ length: 20_000 }, () => header);
    expect(stabilise(chat(...headers, user), all).chat.messages).toEqual([user]);
  });
});

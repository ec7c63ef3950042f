import { stableRuleNames, type StableRuleName, type StableRuleSwitches } from '../core/stable-rules.js';
import { billingHeader } from './stable/billing-header.js';
import type { ChatInput, StableRule } from './stable/chat-input.js';
import { clockTime } from './stable/clock-time.js';
import { sessionIds } from './stable/session-ids.js';
import { toolKeys } from './stable/tool-keys.js';
import { toolOrder } from './stable/tool-order.js';
import { trailingWhitespace } from './stable/trailing-whitespace.js';

const rules: Readonly<Record<StableRuleName, StableRule>> = {
  billing_header: billingHeader,
  trailing_whitespace: trailingWhitespace,
  clock_time: clockTime,
  session_ids: sessionIds,
  tool_order: toolOrder,
  tool_keys: toolKeys,
};

/** A chat whose prompt begins as others of its agent do. */
export interface StableChat {
  readonly chat: ChatInput;
  /** Messages that were left out; all of them at the head. */
  readonly leftOut: number;
  /** The rules that have changed something. */
  readonly applied: readonly StableRuleName[];
}

/**
 * Takes out of a chat what agents change in every request for no reason, so that what was computed of one prompt serves
 * the next. A prompt is reused up to its first token that differs, and what changes tends to stand at its head.
 */
export function stabilise(chat: ChatInput, switches: StableRuleSwitches): StableChat {
  const applied: StableRuleName[] = [];
  let stable = chat;
  for (const name of stableRuleNames) {
    if (!switches[name]) continue;
    const next = rules[name](stable);
    if (next !== stable) applied.push(name);
    stable = next;
  }
  return { chat: stable, leftOut: chat.messages.length - stable.messages.length, applied };
}

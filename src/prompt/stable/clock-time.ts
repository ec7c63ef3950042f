import type { StableRule } from './chat-input.js';
import { rewriteSystemText } from './system-text.js';

/** Words that tell the time at which a prompt was made from other times. */
const now =
  /\b(?:current|currently|now|today|today's|timestamp|datetime|started|(?:re)?compiled|generated)\b/i;

/** Not after a digit, nor a sign, which begins the offset of a time zone. */
const time = /(?<![\d:.+-])(2[0-3]|[01]?\d):[0-5]\d(:[0-5]\d(?:[.,]\d+)?)?(?![\d:])/g;

/**
 * Sets the time of day back to the hour where the system prompt says when it was made:
 *
 *     Current date and time: Monday, March 9, 2026 at 06:00:31 PM PDT
 *     - System prompt last recompiled: 2026-08-16T12:34:56.789Z
 *
 * Agents write the time down to the minute, the second or below (earendil-works/pi#1873, NousResearch/hermes-agent#15866,
 * Mintplex-Labs/anything-llm#6398), so that nothing after it is ever found again. The model is then told `06:00:00 PM`:
 * a prompt changes once an hour, and the date is right.
 */
export const clockTime: StableRule = (chat) =>
  rewriteSystemText(chat, (text) =>
    text
      .split('\n')
      .map((line) => (now.test(line) ? line.replace(time, toTheHour) : line))
      .join('\n'),
  );

function toTheHour(_: string, hour: string, seconds: string | undefined): string {
  return `${hour}:00${seconds === undefined ? '' : ':00'}`;
}

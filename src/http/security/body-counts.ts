import type { RequestLimits } from '../../core/access.js';
import { HeddleError } from '../../core/errors.js';

/**
 * Refuses bodies with more messages, tools or stop strings than a request may have, by the names that the APIs have for
 * them, before schemas look at each. A message of several parts or calls counts as that many. What else is wrong with a
 * body is the schemas' to say.
 * @throws HeddleError `invalid_parameter`, with the path
 */
export function checkCounts(body: unknown, limits: RequestLimits): void {
  if (!isObject(body)) return;
  const { messages, tools, tool_choice: choice, functions, stop, stop_sequences, options } = body;
  checkCount('messages', messages, limits.messages, 'messages');
  checkParts(messages, limits.messages);
  checkCount('tools', tools, limits.tools, 'tools');
  if (isObject(choice)) {
    const { tools: allowed, allowed_tools: nested } = choice;
    checkCount('tool_choice.tools', allowed, limits.tools, 'tools');
    if (isObject(nested))
      checkCount('tool_choice.allowed_tools.tools', nested['tools'], limits.tools, 'tools');
  }
  checkCount('functions', functions, limits.tools, 'functions');
  checkStops('stop', stop, limits);
  checkStops('stop_sequences', stop_sequences, limits);
  if (isObject(options)) checkStops('options.stop', options['stop'], limits);
}

function checkParts(messages: unknown, most: number): void {
  if (!Array.isArray(messages)) return;
  const count = messages.reduce((sum: number, message) => sum + sizeOf(message), 0);
  if (count <= most) return;
  throw new HeddleError(
    'invalid_parameter',
    `A request may have ${most} messages and parts of them, not ${count}.`,
    { param: 'messages' },
  );
}

/** Parts of a message, those of the results in it included, and calls; at least itself. */
function sizeOf(message: unknown): number {
  if (!isObject(message)) return 1;
  const { content, tool_calls: calls } = message;
  let size = Array.isArray(calls) ? calls.length : 0;
  for (const part of Array.isArray(content) ? content : [])
    size += isObject(part) && Array.isArray(part['content']) ? Math.max(1, part['content'].length) : 1;
  return Math.max(1, size);
}

function checkStops(path: string, stops: unknown, { stops: most, stopLength }: RequestLimits): void {
  checkCount(path, stops, most, 'stop strings');
  for (const stop of Array.isArray(stops) ? stops : [stops]) {
    if (typeof stop !== 'string' || stop.length <= stopLength) continue;
    throw new HeddleError('invalid_parameter', `A stop string may have ${stopLength} characters.`, {
      param: path,
    });
  }
}

function checkCount(path: string, list: unknown, most: number, what: string): void {
  if (!Array.isArray(list) || list.length <= most) return;
  throw new HeddleError('invalid_parameter', `A request may have ${most} ${what}, not ${list.length}.`, {
    param: path,
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import type { SpelledToken } from '../../core/likelihood.js';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A token as text. A token that is no whole characters is told by its bytes, as OpenAI writes them: `\xe2\x96`; one
 * without bytes, a control token, by its name.
 * @param prefix before bytes
 */
export function tokenText({ bytes, name }: SpelledToken, prefix = ''): string {
  if (name !== undefined) return name;
  try {
    return strict.decode(bytes);
  } catch {
    return prefix + Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  }
}

/** What OpenAI's API says of a token that is as good as impossible; JSON has no infinity. */
const leastLogProbability = -9999;

/** A log-probability that can be written as JSON. */
export function finiteLogProbability(value: number): number {
  return Math.max(value, leastLogProbability);
}

/** Characters as the API counts them: code points. */
export function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

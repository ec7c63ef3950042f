import { randomBytes } from 'node:crypto';

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/**
 * How the calls of a format are named.
 * - `random`: `call_` and 24 letters and digits.
 * - `mistral`: nine letters and digits; its templates take no others.
 * - `kimi`: `functions.NAME:INDEX`, which the model reads and writes itself.
 */
export type CallIdStyle = 'random' | 'mistral' | 'kimi';

/** The id of a new call. @param index which call of the output, from 0; a later one where the id is taken */
export function newCallId(style: CallIdStyle, name: string, index: number): string {
  if (style === 'kimi') return `functions.${name}:${index}`;
  return style === 'mistral' ? randomText(9) : `call_${randomText(24)}`;
}

function randomText(length: number): string {
  return Array.from(randomBytes(length), (byte) => letters.charAt(byte % letters.length)).join('');
}

import type { Token } from '../core/generation.js';

export const beginText = '<bos>';
export const endText = '<eos>';

/** Of the formats of output that need control tokens, those of two. */
const controlTexts = [
  beginText,
  endText,
  '<|start|>',
  '<|channel|>',
  '<|message|>',
  '<|end|>',
  '[TOOL_CALLS]',
  '[ARGS]',
];

/** The fake model's tokens: the 256 byte values, then control tokens. */
export const beginToken: Token = 256;
export const endToken: Token = 257;
export const fakeVocabularySize = 256 + controlTexts.length;

const anyControlText = new RegExp(
  `(${controlTexts.map((text) => text.replace(/[|[\]]/g, '\\$&')).join('|')})`,
);
const encoder = new TextEncoder();
const noBytes = new Uint8Array(0);

export function fakeTokenize(
  text: string,
  { addSpecial, parseSpecial }: { addSpecial: boolean; parseSpecial: boolean },
): Token[] {
  const tokens = addSpecial ? [beginToken] : [];
  const parts = parseSpecial ? text.split(anyControlText) : [text];
  for (const part of parts) {
    const control = parseSpecial ? controlTexts.indexOf(part) : -1;
    if (control >= 0) tokens.push(256 + control);
    else for (const byte of encoder.encode(part)) tokens.push(byte);
  }
  return tokens;
}

export function fakeTokenBytes(token: Token): Uint8Array {
  return token < 256 ? Uint8Array.of(token) : noBytes;
}

/** Bytes of text that a token is read from, control tokens included. */
export function fakeWrittenBytes(token: Token): number {
  return token < 256 ? 1 : fakeControlText(token).length;
}

/** Where a fake model has tokens for texts with a gap. */
export const fakeFillTokens = { prefix: 1, suffix: 2, middle: 3 } as const;

/** A control token as it is written; empty for bytes. */
export function fakeControlText(token: Token): string {
  return controlTexts[token - 256] ?? '';
}

/** What a token's logit is before the noise, after a history that ends in these tokens. */
export type BaseLogits = (token: Token) => number;

const never = -20;

/**
 * Text the model likes: printable ASCII, now and then a character of two to four UTF-8 bytes, each of which is a token
 * of its own, and always completed once begun.
 */
export function baseLogitsAfter(history: readonly Token[]): BaseLogits {
  const [low, high] = continuationRange(history);
  if (high > 0) return (token) => (token >= low && token <= high ? 0 : never);
  return (token) => {
    if (token >= 0x20 && token <= 0x7e) return 0;
    if (token === 0xc3 || token === 0xe2 || token === 0xf0) return 0.3;
    return never;
  };
}

/** Bytes that may follow a UTF-8 character that was begun; [0, 0] when none was. */
function continuationRange(history: readonly Token[]): readonly [low: number, high: number] {
  const [last = 0, second = 0, third = 0] = [history.at(-1), history.at(-2), history.at(-3)];
  if (last === 0xc3 || last === 0xe2) return [0x80, 0xbf];
  if (last === 0xf0) return [0x90, 0xbf];
  if (last >= 0x80 && last <= 0xbf) {
    if (second === 0xe2 || second === 0xf0) return [0x80, 0xbf];
    if (third === 0xf0 && second >= 0x80 && second <= 0xbf) return [0x80, 0xbf];
  }
  return [0, 0];
}

/** A number in [0, 1) that depends on all bits of both arguments. */
export function noise(hash: number, token: Token): number {
  let mixed = Math.imul(hash ^ Math.imul(token + 1, 0x9e3779b1), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x27d4eb2f);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
}

/** Mixes the next token into a history's hash. */
export function extendHash(hash: number, token: Token): number {
  const mixed = Math.imul(hash ^ (token + 0x9e37), 0x01000193);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

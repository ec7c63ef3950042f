import type { SpelledToken, TokenLikelihood } from '../../core/likelihood.js';
import { characters, finiteLogProbability, tokenText } from './token-text.js';

/** `logprobs` of a choice of a text completion: columns of one length. */
export interface TextLogProbabilities {
  readonly tokens: readonly string[];
  /** Null for the first token of all, before which there is nothing. */
  readonly token_logprobs: readonly (number | null)[];
  /** The most likely tokens and the token itself, by their texts. */
  readonly top_logprobs: readonly (Readonly<Record<string, number>> | null)[];
  /** Where each token begins in the choice's text, in characters. */
  readonly text_offset: readonly number[];
}

/** The columns of one choice as its tokens come. A character in several tokens begins with the first of them. */
export class TextLogProbabilityColumns {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #offset: number;

  /** @param offset characters of the choice's text before the first token: the prompt, where it is echoed */
  constructor(offset = 0) {
    this.#offset = offset;
  }

  take(tokens: readonly TokenLikelihood[]): TextLogProbabilities {
    const offsets = tokens.map(({ bytes }) => {
      const offset = this.#offset;
      this.#offset += characters(this.#decoder.decode(bytes, { stream: true }));
      return offset;
    });
    return columns(tokens, offsets);
  }
}

/**
 * The columns of an echoed prompt. Its tokens need not spell it letter by letter: vocabularies add tokens and spaces at its
 * beginning. What is not found in the text where it should be takes no room in it.
 * @param tokens the first of a prompt has no likelihood
 */
export function echoedLogProbabilities(
  text: string,
  tokens: readonly (SpelledToken | TokenLikelihood)[],
): TextLogProbabilities {
  const bytes = Buffer.from(text);
  let at = 0;
  let [offset, counted] = [0, 0];
  const offsets = tokens.map(({ bytes: own, name }) => {
    const begin = at;
    at += lengthAt(bytes, at, name === undefined ? own : Buffer.from(name));
    for (; counted < begin; counted++) if (beginsCharacter(bytes[counted + 1])) offset++;
    return offset;
  });
  return columns(tokens, offsets);
}

function lengthAt(text: Buffer, at: number, token: Uint8Array): number {
  const isThere = (part: Uint8Array): boolean => text.subarray(at, at + part.length).equals(part);
  if (isThere(token)) return token.length;
  const rest = token[0] === space ? token.subarray(1) : token;
  return rest.length > 0 && isThere(rest) ? rest.length : 0;
}

const space = 0x20;

function beginsCharacter(byte: number | undefined): boolean {
  return byte === undefined || (byte & 0xc0) !== 0x80;
}

function columns(
  tokens: readonly (SpelledToken | TokenLikelihood)[],
  text_offset: readonly number[],
): TextLogProbabilities {
  return {
    tokens: tokens.map(textOf),
    token_logprobs: tokens.map((token) =>
      isLikely(token) ? finiteLogProbability(token.logProbability) : null,
    ),
    top_logprobs: tokens.map((token) => (isLikely(token) ? topOf(token) : null)),
    text_offset,
  };
}

function isLikely(token: SpelledToken | TokenLikelihood): token is TokenLikelihood {
  return 'logProbability' in token;
}

/** Of tokens with one text, the likeliest. */
function topOf(token: TokenLikelihood): Record<string, number> {
  const all = [...token.top, token].toSorted((one, other) => one.logProbability - other.logProbability);
  return Object.fromEntries(all.map((one) => [textOf(one), finiteLogProbability(one.logProbability)]));
}

function textOf(token: SpelledToken): string {
  return tokenText(token, 'bytes:');
}

/** One after the other. */
export function joinLogProbabilities(parts: readonly TextLogProbabilities[]): TextLogProbabilities {
  return {
    tokens: parts.flatMap(({ tokens }) => tokens),
    token_logprobs: parts.flatMap(({ token_logprobs }) => token_logprobs),
    top_logprobs: parts.flatMap(({ top_logprobs }) => top_logprobs),
    text_offset: parts.flatMap(({ text_offset }) => text_offset),
  };
}

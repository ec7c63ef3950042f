import { HeddleError } from '../core/errors.js';
import type { Prompt, Token } from '../core/generation.js';
import type { ModelRunner } from '../core/model-runner.js';

/** What a prompt must keep to, and how it is called where it does not. */
export interface PromptLimits {
  /** `prompt`, `input`, `continuation` or the like: for messages. */
  readonly what: string;
  /** Tokens at most. */
  readonly most: number;
  /** Why there may be no more of them: the second half of a message. */
  readonly because: string;
  /** Path of the request field. */
  readonly param?: string;
}

/**
 * The tokens of a prompt, which the library can be given.
 * @throws HeddleError `invalid_parameter` when there are none, or one that the model does not have;
 * `context_length_exceeded` when there are too many; `unsupported_by_model` for a text with a gap, where the model was not
 * trained on such
 */
export function promptTokens(runner: ModelRunner, prompt: Prompt, limits: PromptLimits): readonly Token[] {
  const { what, most, because } = limits;
  const options = limits.param === undefined ? {} : { param: limits.param };
  const { vocabularySize } = runner.info;
  const tokens = readTokens(runner, prompt, limits);
  if (tokens.length === 0) throw new HeddleError('invalid_parameter', `The ${what} has no tokens.`, options);
  const unknown = tokens.find((token) => !Number.isInteger(token) || token < 0 || token >= vocabularySize);
  if (unknown !== undefined) {
    throw new HeddleError(
      'invalid_parameter',
      `The ${what} has the token ${unknown}; this model has tokens 0 to ${vocabularySize - 1}.`,
      options,
    );
  }
  if (tokens.length > most) {
    throw new HeddleError(
      'context_length_exceeded',
      `The ${what} has ${tokens.length} tokens; ${because}`,
      options,
    );
  }
  return tokens;
}

function readTokens(runner: ModelRunner, prompt: Prompt, limits: PromptLimits): readonly Token[] {
  switch (prompt.kind) {
    case 'tokens':
      return prompt.tokens;
    case 'text':
      checkLength(runner, prompt.text, limits);
      return runner.tokenize(prompt.text, prompt);
    case 'fill-in-middle':
      checkLength(runner, prompt.before + prompt.after, limits);
      return fillInMiddle(runner, prompt);
  }
}

/** Prefix, suffix, middle: the order that models are trained on most, and that llama.cpp's server writes. */
function fillInMiddle(
  runner: ModelRunner,
  { before, after }: Extract<Prompt, { kind: 'fill-in-middle' }>,
): Token[] {
  const marks = runner.info.fillInMiddle;
  if (marks === undefined) {
    throw new HeddleError(
      'unsupported_by_model',
      'This model has no tokens for a text with a gap (fill-in-the-middle), so it can not write what stands before a suffix.',
      { param: 'suffix' },
    );
  }
  const plain = (text: string): Token[] =>
    text === '' ? [] : runner.tokenize(text, { addSpecial: false, parseSpecial: false });
  const begin = runner.info.addsBos ? runner.tokenize(runner.info.bosText, readsControlTokens) : [];
  return [...begin, marks.prefix, ...plain(before), marks.suffix, ...plain(after), marks.middle];
}

const readsControlTokens = { addSpecial: false, parseSpecial: true } as const;

/**
 * Tokenizing takes time that grows faster than the text: one that can not fit is refused before.
 * @throws HeddleError `context_length_exceeded`
 */
export function checkLength(runner: ModelRunner, text: string, { what, param }: PromptLimits): void {
  const { contextSize, longestTokenBytes } = runner.info;
  const bytes = Buffer.byteLength(text);
  if (bytes <= contextSize * longestTokenBytes) return;
  throw new HeddleError(
    'context_length_exceeded',
    `The ${what} has ${bytes} bytes; no text of that length fits the context of this model, which holds ${contextSize} tokens. Shorten it, or serve the model with a larger --ctx.`,
    param === undefined ? {} : { param },
  );
}

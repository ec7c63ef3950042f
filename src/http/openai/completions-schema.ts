import { z } from 'zod';
import type { Prompt } from '../../core/generation.js';
import { mostLikelyTokens, type LikelihoodWish } from '../../core/likelihood.js';
import type { ModelInfo } from '../../core/model-runner.js';
import type { PlainPrompt } from './echo.js';
import { outputFields } from './output-schema.js';
import { samplingFields } from './sampling-schema.js';
import { standingFields } from './standing-schema.js';

const tokens = z.array(z.int().min(0)).min(1);

/** The body of `POST /v1/completions`. */
export const completionsSchema = z
  .strictObject({
    ...samplingFields,
    ...standingFields,
    ...outputFields,
    model: z.string().min(1),
    /** Nothing is the beginning of a document. */
    prompt: z
      .union([z.string(), tokens, z.array(z.string()).min(1).max(64), z.array(tokens).min(1).max(64)], {
        error: 'prompt must be a text, a list of texts, a list of tokens or a list of such lists',
      })
      .default(''),
    /** 0 is for those who want to know of their prompt alone. */
    max_tokens: z.int().min(0).optional(),
    best_of: z.int().min(1).max(128).optional(),
    echo: z.boolean().default(false),
    logprobs: z.int().min(0).max(mostLikelyTokens).optional(),
    suffix: z.string().optional(),
  })
  .superRefine((body, context) => {
    const refuse = (name: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [name], message });
    if (body.max_tokens === 0 && !body.echo) refuse('max_tokens', 'it can be 0 only with echo');
    if (body.best_of !== undefined && body.best_of < body.n)
      refuse('best_of', `it must be at least n, which is ${body.n}`);
    if (body.stream && choicesOf(body) > body.n)
      refuse(
        'best_of',
        'the best choice is known at the end, so that it can not be streamed: ask for n of them',
      );
    if (!hasSuffix(body)) return;
    if (body.echo) refuse('suffix', 'it can not be combined with echo');
    if (promptsOf(body.prompt).some((prompt) => typeof prompt !== 'string'))
      refuse('suffix', 'it goes with a prompt that is text');
  })
  .meta({
    rules: [
      'max_tokens can be 0 only with echo.',
      'best_of is at least n, and above n it can not be streamed.',
      'suffix goes with a prompt that is text, and not with echo.',
    ],
  });

export type CompletionsBody = z.infer<typeof completionsSchema>;

type Prompts = CompletionsBody['prompt'];

/** The choices that are made of each prompt; of these, the best `n` are answered with. */
export function choicesOf({ n, best_of }: Pick<CompletionsBody, 'n' | 'best_of'>): number {
  return Math.max(n, best_of ?? n);
}

/** What is to be known of each token: by how much the choices differ in likelihood, at least, where some are left out. */
export function toLikelihoods(body: Pick<CompletionsBody, 'n' | 'best_of' | 'logprobs'>): {
  likelihoods?: LikelihoodWish;
} {
  if (body.logprobs === undefined && choicesOf(body) === body.n) return {};
  return { likelihoods: { top: body.logprobs ?? 0 } };
}

/** The prompts of a request, each with the text that is to follow the completion, if there is such. */
export function toPrompts(body: Pick<CompletionsBody, 'prompt' | 'suffix'>, info: ModelInfo): Prompt[] {
  if (!hasSuffix(body)) return toPlainPrompts(body.prompt, info);
  const after = body.suffix ?? '';
  return promptsOf(body.prompt).map((before) => ({
    kind: 'fill-in-middle',
    before: typeof before === 'string' ? before : '',
    after,
  }));
}

/** The prompts of a request. Control tokens written out in a text are read as such: clients apply templates themselves. */
export function toPlainPrompts(prompt: Prompts, info: ModelInfo): PlainPrompt[] {
  return promptsOf(prompt).map((one) =>
    typeof one === 'string' ? textOrBeginning(one, info) : { kind: 'tokens', tokens: one },
  );
}

/** A text as its client wrote it. */
export function textPrompt(text: string): Extract<Prompt, { kind: 'text' }> {
  return { kind: 'text', text, addSpecial: true, parseSpecial: true };
}

/** The beginning of a document has a token of its own, whether or not the vocabulary puts it before other texts. */
function textOrBeginning(text: string, info: ModelInfo): PlainPrompt {
  return textPrompt(text === '' && !info.addsBos ? info.bosText : text);
}

function hasSuffix({ suffix = '' }: Pick<CompletionsBody, 'suffix'>): boolean {
  return suffix !== '';
}

/** Each prompt as it was sent. */
export function promptsOf(prompt: Prompts): readonly (string | number[])[] {
  if (typeof prompt === 'string') return [prompt];
  return isTokens(prompt) ? [prompt] : prompt;
}

function isTokens(prompt: string[] | number[] | number[][]): prompt is number[] {
  return typeof prompt[0] === 'number';
}

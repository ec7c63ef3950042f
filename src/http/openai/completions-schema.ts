import { z } from 'zod';
import type { Prompt } from '../../core/generation.js';
import { outputFields } from './output-schema.js';
import { samplingFields } from './sampling-schema.js';
import { standingFields } from './standing-schema.js';

const tokens = z.array(z.int().min(0)).min(1);

/** The body of `POST /v1/completions`. */
export const completionsSchema = z.strictObject({
  ...samplingFields,
  ...standingFields,
  ...outputFields,
  model: z.string().min(1),
  prompt: z.union(
    [z.string().min(1), tokens, z.array(z.string().min(1)).min(1).max(64), z.array(tokens).min(1).max(64)],
    {
      error:
        'prompt must be a text, a list of texts, a list of tokens or a list of such lists, and not empty',
    },
  ),
});

/** Parameters of the API that are not supported, with the values that ask for nothing. */
export const completionsNeutral: Readonly<Record<string, readonly unknown[]>> = {
  best_of: [1],
  echo: [false],
  logprobs: [],
  suffix: [''],
};

/** The prompts of a request. Control tokens written out in a text are read as such: clients apply templates themselves. */
export function toPrompts(prompt: z.infer<typeof completionsSchema>['prompt']): Prompt[] {
  if (typeof prompt === 'string') return [textPrompt(prompt)];
  return isTokens(prompt)
    ? [{ kind: 'tokens', tokens: prompt }]
    : prompt.map((one) => (typeof one === 'string' ? textPrompt(one) : { kind: 'tokens', tokens: one }));
}

/** A text as its client wrote it. */
export function textPrompt(text: string): Extract<Prompt, { kind: 'text' }> {
  return { kind: 'text', text, addSpecial: true, parseSpecial: true };
}

function isTokens(prompt: string[] | number[] | number[][]): prompt is number[] {
  return typeof prompt[0] === 'number';
}

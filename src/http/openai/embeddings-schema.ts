import { z } from 'zod';
import { HeddleError } from '../../core/errors.js';
import type { Prompt } from '../../core/generation.js';
import { standingFields } from './standing-schema.js';

/** Inputs of one request, as OpenAI limits them. */
export const mostInputs = 2048;

const tokens = z.array(z.int().min(0)).min(1);

const input = z
  .union(
    [z.string(), tokens, z.array(z.string()).min(1).max(mostInputs), z.array(tokens).min(1).max(mostInputs)],
    {
      error: `input must be a text, a list of tokens, or a list of up to ${mostInputs} of either, and not empty`,
    },
  )
  .superRefine((value, context) => {
    const texts: readonly unknown[] = typeof value === 'string' ? [value] : value;
    const empty = texts.indexOf('');
    if (empty < 0) return;
    const path = typeof value === 'string' ? [] : [empty];
    context.addIssue({ code: 'custom', path, message: 'a text to embed must not be empty' });
  })
  .meta({ rules: ['A text to embed must not be empty.'] });

/** The body of `POST /v1/embeddings`. */
export const embeddingsSchema = z.strictObject({
  ...standingFields,
  model: z.string().min(1),
  input,
  encoding_format: z
    .enum(['float', 'base64'], { error: 'encoding_format must be "float" or "base64"' })
    .default('float'),
  /** Of each embedding, so many numbers, scaled to length 1 again. */
  dimensions: z.int().min(1).optional(),
});

/** @throws HeddleError `invalid_parameter` */
export function checkDimensions(dimensions: number | undefined, size: number): void {
  if (dimensions === undefined || dimensions <= size) return;
  throw new HeddleError(
    'invalid_parameter',
    `"dimensions": the embeddings of this model have ${size} numbers, not ${dimensions}.`,
    { param: 'dimensions' },
  );
}

/** Control tokens written out in a text are read as such, as llama.cpp's server does. */
export function toInputs(value: z.infer<typeof input>): Prompt[] {
  if (typeof value === 'string') return [textInput(value)];
  if (typeof value[0] === 'number') return [tokenInput(value as number[])];
  return (value as (string | number[])[]).map((one) =>
    typeof one === 'string' ? textInput(one) : tokenInput(one),
  );
}

function textInput(text: string): Prompt {
  return { kind: 'text', text, addSpecial: true, parseSpecial: true };
}

function tokenInput(ids: readonly number[]): Prompt {
  return { kind: 'tokens', tokens: ids };
}

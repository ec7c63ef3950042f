import { z } from 'zod';
import { mostInputs } from '../openai/embeddings-schema.js';
import { keepAlive } from './keep-alive.js';

/** The `options` of a request for embeddings: of those for text only what says how much context there is makes sense. */
const options = z.strictObject({ num_ctx: z.int().min(1).optional() }).prefault({});

/** The body of `POST /api/embed`. */
export const embedSchema = z.strictObject({
  model: z.string().min(1),
  input: z
    .union([z.string(), z.array(z.string()).max(mostInputs)], {
      error: `input must be a text or a list of up to ${mostInputs} texts`,
    })
    .default([])
    .superRefine((input, context) => {
      if (typeof input === 'string') return;
      const empty = input.indexOf('');
      if (empty < 0) return;
      context.addIssue({ code: 'custom', path: [empty], message: 'a text to embed must not be empty' });
    })
    .meta({ rules: ['A text in a list must not be empty.'] }),
  /** Inputs that are too long are cut. */
  truncate: z.boolean().default(true),
  dimensions: z.int().min(1).optional(),
  keep_alive: keepAlive,
  options,
});

/** The body of `POST /api/embeddings`, as it was before `/api/embed`. */
export const oldEmbedSchema = z.strictObject({
  model: z.string().min(1),
  prompt: z.string().default(''),
  keep_alive: keepAlive,
  options,
});

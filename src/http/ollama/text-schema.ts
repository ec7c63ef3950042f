import { z } from 'zod';
import { keepAlive } from './keep-alive.js';
import { optionsSchema } from './options-schema.js';

/** The parameters that `/api/chat` and `/api/generate` have in common. */
export const textFields = {
  model: z.string().min(1),
  stream: z.boolean().default(true),
  keep_alive: keepAlive,
  think: z
    .union([z.boolean(), z.enum(['low', 'medium', 'high'])], {
      error: 'think must be true, false, "low", "medium" or "high"',
    })
    .optional(),
  options: optionsSchema,
};

/** No images: what front-ends send where there are none. */
export const noImages = z.array(z.never('images are not supported')).nullish();

/** Parameters of both that are not supported, with the values that ask for nothing. */
export const textNeutral: Readonly<Record<string, readonly unknown[]>> = {
  format: [''],
  logprobs: [false],
  top_logprobs: [0],
};

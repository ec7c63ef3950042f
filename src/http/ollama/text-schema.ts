import { z } from 'zod';
import { mostLikelyTokens } from '../../core/likelihood.js';
import { keepAlive } from './keep-alive.js';
import { optionsSchema } from './options-schema.js';
import { formatField } from './output-format.js';

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
  format: formatField,
  logprobs: z.boolean().default(false),
  /** Of the most likely tokens at each place. */
  top_logprobs: z.int().min(0).max(mostLikelyTokens).default(0),
  options: optionsSchema,
};

/** No images: what front-ends send where there are none. */
export const noImages = z.array(z.never('images are not supported')).nullish();

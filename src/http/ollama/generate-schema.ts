import { z } from 'zod';
import { noImages, textFields } from './text-schema.js';

/** The body of `POST /api/generate`. */
export const generateSchema = z.strictObject({
  ...textFields,
  prompt: z.string().default(''),
  system: z.string().default(''),
  raw: z.boolean().default(false),
  images: noImages,
});

/** Parameters that are not supported, with the values that ask for nothing. */
export const generateNeutral: Readonly<Record<string, readonly unknown[]>> = {
  suffix: [''],
  template: [''],
  context: [[]],
};

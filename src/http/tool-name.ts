import { z } from 'zod';

/** What a tool may be called, in every API. */
export const toolName = z
  .string()
  .regex(/^[\w.:/-]{1,128}$/, 'a name is 1 to 128 letters, digits and _ . : / -');

import { z } from 'zod';
import type { ContentForm } from '../../prompt/output/content-form.js';
import { formOf, schemaField } from '../content-wish.js';

/** The parameter `format`. An empty text asks for nothing. */
export const formatField = z
  .union([z.enum(['json', '']), schemaField], { error: 'format must be "json" or a JSON schema' })
  .optional();

/**
 * What an answer is held to; undefined when nothing is asked for.
 * @throws HeddleError `invalid_parameter` or `unsupported_schema` with the path of what is wrong or can not be enforced
 */
export function toContentForm(format: z.infer<typeof formatField>): ContentForm | undefined {
  if (format === undefined || format === '') return undefined;
  if (format === 'json') return formOf({ path: 'format', kind: 'object', value: true });
  return formOf({ path: 'format', kind: 'schema', value: format });
}

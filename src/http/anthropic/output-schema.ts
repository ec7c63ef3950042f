import { z } from 'zod';
import { HeddleError } from '../../core/errors.js';
import type { ContentForm } from '../../prompt/output/content-form.js';
import { formOf, schemaField } from '../content-wish.js';
import { effortField } from './thinking-schema.js';

const format = z.strictObject({
  type: z.literal('json_schema', 'type must be json_schema'),
  schema: schemaField,
});

/** The parameters of a message that are about its answer. */
export const outputFields = {
  output_config: z.strictObject({ effort: effortField, format: format.nullish() }).default({}),
  /** The same as `output_config.format`, as betas named it. */
  output_format: format.optional(),
};

type OutputFields = z.infer<z.ZodObject<typeof outputFields>>;

/**
 * What an answer is held to; undefined when nothing is asked for.
 * @throws HeddleError `invalid_parameter` or `unsupported_schema` with the path of what is wrong or can not be enforced
 */
export function toContentForm({
  output_config: config,
  output_format: older,
}: OutputFields): ContentForm | undefined {
  const asked = config.format ?? older;
  if (asked === undefined) return undefined;
  if (asked !== older && older !== undefined) {
    throw new HeddleError(
      'invalid_parameter',
      '"output_format": the older name of "output_config.format", which is there too; send one of them.',
      { param: 'output_format' },
    );
  }
  const path = asked === older ? 'output_format.schema' : 'output_config.format.schema';
  return formOf({ path, kind: 'schema', value: asked.schema });
}

import { z } from 'zod';
import type { ContentForm } from '../../../prompt/output/content-form.js';
import { formOf, schemaField } from '../../content-wish.js';

const format = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('text') }),
    z.strictObject({ type: z.literal('json_object') }),
    z.strictObject({
      type: z.literal('json_schema'),
      name: z.string().regex(/^[\w-]{1,64}$/, 'a name is 1 to 64 letters, digits, _ and -'),
      schema: schemaField,
      /** A schema is enforced with it and without. */
      strict: z.boolean().nullish(),
      description: z.string().nullish(),
    }),
  ],
  { error: 'type must be "text", "json_object" or "json_schema"' },
);

/** The parameter `text`. */
export const textField = z
  .strictObject({ format: format.nullish(), verbosity: z.string().nullish() })
  .default({});

type TextField = z.infer<typeof textField>;

/**
 * What the text of a response is held to; undefined when nothing is asked for.
 * @throws HeddleError `invalid_parameter` or `unsupported_schema` with the path of what is wrong or can not be enforced
 */
export function toContentForm({ format: asked }: TextField): ContentForm | undefined {
  switch (asked?.type) {
    case 'json_object':
      return formOf({ path: 'text.format', kind: 'object', value: true });
    case 'json_schema':
      return formOf({ path: 'text.format.schema', kind: 'schema', value: asked.schema });
    case 'text':
    case undefined:
      return undefined;
  }
}

/** The field `text` of a response: what was asked for. */
export function textBody({ format: asked }: TextField): object {
  return { format: Object.fromEntries(Object.entries(asked ?? { type: 'text' }).filter(isTold)) };
}

function isTold([, value]: readonly [string, unknown]): boolean {
  return value !== null && value !== undefined;
}

import { z } from 'zod';
import { HeddleError } from '../../core/errors.js';
import type { ContentForm } from '../../prompt/output/content-form.js';
import { formOf, type ContentWish } from '../content-wish.js';

const choices = z.array(z.string().min(1)).min(1).max(5_000);

/** The parameters that say what a text may be: OpenAI's, llama.cpp's, and vLLM's of today and of before. */
export const outputFields = {
  response_format: z
    .discriminatedUnion(
      'type',
      [
        z.strictObject({ type: z.literal('text') }),
        z.strictObject({ type: z.literal('json_object') }),
        z.strictObject({
          type: z.literal('json_schema'),
          json_schema: z.strictObject({
            name: z.string().optional(),
            description: z.string().nullish(),
            schema: z.unknown().optional(),
            /** A schema is enforced with it and without. */
            strict: z.boolean().nullish(),
          }),
        }),
      ],
      { error: 'type must be "text", "json_object" or "json_schema"' },
    )
    .optional(),
  grammar: z.string().min(1).optional(),
  guided_json: z.unknown().optional(),
  guided_regex: z.string().min(1).optional(),
  guided_choice: choices.optional(),
  guided_grammar: z.string().min(1).optional(),
  structured_outputs: z
    .strictObject({
      json: z.unknown().optional(),
      regex: z.string().min(1).nullish(),
      choice: choices.nullish(),
      grammar: z.string().min(1).nullish(),
      json_object: z.boolean().nullish(),
    })
    .optional(),
};

type OutputFields = z.infer<z.ZodObject<typeof outputFields>>;

/**
 * What a request asks its content to be held to; undefined when it asks for nothing.
 * @throws HeddleError `invalid_parameter` or `unsupported_schema` with the path of what is wrong or can not be enforced
 */
export function toContentForm(fields: OutputFields): ContentForm | undefined {
  const [wish, another] = wishesOf(fields);
  if (wish === undefined) return undefined;
  if (another !== undefined) {
    throw new HeddleError(
      'invalid_parameter',
      `"${another.path}": the output is held to "${wish.path}" already; ask for one of them.`,
      { param: another.path },
    );
  }
  return formOf(wish);
}

function wishesOf(fields: OutputFields): ContentWish[] {
  const { response_format: format, structured_outputs: outputs = {} } = fields;
  const wishes: ContentWish[] = [];
  if (format?.type === 'json_object') wishes.push({ path: 'response_format', kind: 'object', value: true });
  if (format?.type === 'json_schema') {
    const { schema } = format.json_schema;
    const path = 'response_format.json_schema.schema';
    wishes.push(
      schema === undefined || schema === null
        ? { path, kind: 'object', value: true }
        : { path, kind: 'schema', value: schema },
    );
  }
  const add = (path: string, kind: ContentWish['kind'], value: unknown): void => {
    if (value !== undefined && value !== null) wishes.push({ path, kind, value });
  };
  add('grammar', 'grammar', fields.grammar);
  add('guided_json', 'schema', fields.guided_json);
  add('guided_regex', 'regex', fields.guided_regex);
  add('guided_choice', 'choice', fields.guided_choice);
  add('guided_grammar', 'grammar', fields.guided_grammar);
  add('structured_outputs.json', 'schema', outputs.json);
  add('structured_outputs.regex', 'regex', outputs.regex);
  add('structured_outputs.choice', 'choice', outputs.choice);
  add('structured_outputs.grammar', 'grammar', outputs.grammar);
  add('structured_outputs.json_object', 'object', outputs.json_object === true ? true : undefined);
  return wishes;
}

import { z } from 'zod';
import { HeddleError } from '../../core/errors.js';
import type { GrammarSource } from '../../core/generation.js';
import {
  anyOf,
  checkSchemaSize,
  composeGrammar,
  jsonObject,
  literal,
  readGbnf,
  regexGrammar,
  schemaGrammar,
  type NamedGrammar,
} from '../../grammar/index.js';
import type { ContentForm } from '../../prompt/output/content-form.js';
import { ContentForms } from '../content-forms.js';

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

/** A wish for a form of text: the path of its parameter, and how it becomes a grammar. */
interface Wish {
  readonly path: string;
  readonly kind: 'object' | 'schema' | 'regex' | 'choice' | 'grammar';
  readonly value: unknown;
}

const sources = new ContentForms();

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
  const { path, kind, value } = wish;
  if (kind === 'schema') checkSchemaSize(value, path);
  return sources.get(`${path} ${JSON.stringify(value)}`, () => {
    if (kind !== 'grammar') {
      const part = partOf(wish);
      return { source: composeGrammar({ root: part.name, rules: [part] }), part, param: path };
    }
    const source = String(value);
    // The engine reads it whole; here it is only seen to be a grammar, before a model is loaded for it.
    void readGbnf(source, path);
    return { source, param: path };
  });
}

/** The grammar of a text that is nothing but content. */
export function grammarOf(form: ContentForm | undefined): GrammarSource | undefined {
  if (form === undefined) return undefined;
  const { part: _, ...grammar } = form;
  return grammar;
}

function wishesOf(fields: OutputFields): Wish[] {
  const { response_format: format, structured_outputs: outputs = {} } = fields;
  const wishes: Wish[] = [];
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
  const add = (path: string, kind: Wish['kind'], value: unknown): void => {
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

function partOf({ path, kind, value }: Wish): NamedGrammar {
  if (kind === 'object') return jsonObject;
  if (kind === 'choice')
    return { name: 'choice', rules: new Map([['choice', anyOf((value as string[]).map(literal))]]) };
  if (kind === 'regex') return regexGrammar(String(value), { param: path });
  return schemaGrammar(typeof value === 'string' ? parsed(value, path) : value, { path });
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HeddleError('invalid_parameter', `"${path}": this text is not JSON.`, { param: path, cause });
  }
}

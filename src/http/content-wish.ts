import { z } from 'zod';
import type { GrammarSource } from '../core/generation.js';
import {
  anyOf,
  checkSchemaSize,
  composeGrammar,
  jsonObject,
  literal,
  readGbnf,
  readSchemaText,
  regexGrammar,
  schemaGrammar,
  type NamedGrammar,
} from '../grammar/index.js';
import type { ContentForm } from '../prompt/output/content-form.js';
import { KeptGrammars } from '../prompt/output/kept-grammars.js';
import { withInputForm } from './input-forms.js';

/** What a client wants content to be: the path of the parameter that says so, and how its value becomes a form. */
export interface ContentWish {
  readonly path: string;
  readonly kind: 'object' | 'schema' | 'regex' | 'choice' | 'grammar';
  readonly value: unknown;
}

/** A JSON schema where an API wants it as an object. What is in it is looked at when a grammar is made of it. */
export const schemaField = withInputForm(
  z.custom<Readonly<Record<string, unknown>>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'a schema must be an object',
  ),
  { accepts: z.record(z.string(), z.unknown()) },
);

const forms = new KeptGrammars<ContentForm>(8 * 1024 * 1024);

/**
 * The form that is wished for.
 * @throws HeddleError `invalid_parameter` or `unsupported_schema` with the path of what is wrong or can not be enforced
 */
export function formOf(wish: ContentWish): ContentForm {
  const { path, kind } = wish;
  const value = kind === 'schema' ? readSchema(wish) : wish.value;
  return forms.get(`${kind} ${path} ${JSON.stringify(value)}`, () => {
    const form = makeForm({ path, kind, value });
    return { value: form, characters: form.source.length };
  });
}

function makeForm(wish: ContentWish): ContentForm {
  const { path, kind, value } = wish;
  if (kind !== 'grammar') {
    const part = partOf(wish);
    return { source: composeGrammar({ root: part.name, rules: [part] }), part, param: path };
  }
  const source = String(value);
  // The engine reads it whole; here it is only seen to be a grammar, before a model is loaded for it.
  void readGbnf(source, path);
  return { source, param: path };
}

/** The grammar of a text that is nothing but content. */
export function grammarOf(form: ContentForm | undefined): GrammarSource | undefined {
  if (form === undefined) return undefined;
  const { part: _, ...grammar } = form;
  return grammar;
}

function partOf({ path, kind, value }: ContentWish): NamedGrammar {
  if (kind === 'object') return jsonObject;
  if (kind === 'choice')
    return { name: 'choice', rules: new Map([['choice', anyOf((value as string[]).map(literal))]]) };
  if (kind === 'regex') return regexGrammar(String(value), { param: path });
  return schemaGrammar(value, { path });
}

/** Its size is known before more is done with it. */
function readSchema({ path, value }: ContentWish): unknown {
  if (typeof value === 'string') return readSchemaText(value, path);
  checkSchemaSize(value, path);
  return value;
}

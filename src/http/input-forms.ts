import type { z } from 'zod';

/** What a schema takes whose code zod can not look into. */
export interface InputForm {
  /** The values that are taken, before they are made another. */
  readonly accepts: z.ZodType;
}

const forms = new WeakMap<object, InputForm>();

/** Says what a schema takes that changes a value before it checks it: the OpenAPI document is made of it. */
export function withInputForm<Schema extends z.ZodType>(schema: Schema, form: InputForm): Schema {
  forms.set(schema, form);
  return schema;
}

/** Undefined where nothing was said. */
export function inputFormOf(schema: object): InputForm | undefined {
  return forms.get(schema);
}

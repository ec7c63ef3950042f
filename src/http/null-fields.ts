import type { z } from 'zod';
import { inputFormOf } from './input-forms.js';

/**
 * A value without the fields that are null and count as not sent: those that its schema does not need, and those that it
 * does not know, at every depth. What has no names in its schema is left as it is: a JSON schema, arguments, metadata.
 * @returns the same value where there is nothing to leave out
 */
export function withoutNullFields(schema: z.core.$ZodType, value: unknown): unknown {
  return cleanerOf(schema)?.clean(value) ?? value;
}

interface Cleaner {
  /**
   * Whether this is the part of a union that a value is of.
   * @param by the field that tells the parts apart; without it, all fields that have only certain values do
   */
  fits(value: unknown, by?: string): boolean;
  clean(value: unknown): unknown;
}

/** By schema; undefined for one that has no fields. */
const cleaners = new WeakMap<z.core.$ZodType, { readonly cleaner: Cleaner | undefined }>();

function cleanerOf(schema: z.core.$ZodType): Cleaner | undefined {
  const known = cleaners.get(schema);
  if (known !== undefined) return known.cleaner;
  const cleaner = newCleaner(schema);
  cleaners.set(schema, { cleaner });
  return cleaner;
}

function newCleaner(schema: z.core.$ZodType): Cleaner | undefined {
  const accepts = inputFormOf(schema)?.accepts;
  if (accepts !== undefined) return cleanerOf(accepts);
  const { def } = internalsOf(schema as z.core.$ZodTypes);
  if (def.type === 'object') return new ObjectCleaner(schema as z.core.$ZodObject);
  if (def.type === 'array') return listCleaner(def.element);
  if (def.type === 'union') return unionCleaner(def);
  if (def.type === 'pipe') return cleanerOf(internalsOf(def.in).def.type === 'transform' ? def.out : def.in);
  const isWrapper =
    def.type === 'optional' || def.type === 'nullable' || def.type === 'default' || def.type === 'prefault';
  return isWrapper ? cleanerOf(def.innerType) : undefined;
}

class ObjectCleaner implements Cleaner {
  readonly #shape: z.core.$ZodShape;
  /** Of fields that have only certain values, those. */
  readonly #only: z.core.util.PropValues;
  /** It takes fields that it has no names for, with any value. */
  readonly #isOpen: boolean;

  constructor(schema: z.core.$ZodObject) {
    const {
      def: { shape, catchall },
      propValues,
    } = internalsOf(schema);
    this.#shape = shape;
    this.#only = propValues;
    this.#isOpen = catchall !== undefined && internalsOf(catchall).def.type !== 'never';
  }

  fits(value: unknown, by?: string): boolean {
    if (!isObject(value)) return false;
    return Object.entries(this.#only).every(
      ([name, values]) =>
        (by !== undefined && name !== by) || values.has((value[name] ?? undefined) as z.core.util.Primitive),
    );
  }

  clean(value: unknown): unknown {
    if (!isObject(value)) return value;
    let isChanged = false;
    const fields: [string, unknown][] = [];
    for (const [name, field] of Object.entries(value)) {
      const known = Object.hasOwn(this.#shape, name) ? this.#shape[name] : undefined;
      const isNeeded = known === undefined ? this.#isOpen : internalsOf(known).optin === undefined;
      const cleaned = known === undefined ? field : withoutNullFields(known, field);
      if (cleaned !== field || (field === null && !isNeeded)) isChanged = true;
      if (field !== null || isNeeded) fields.push([name, cleaned]);
    }
    return isChanged ? Object.fromEntries(fields) : value;
  }
}

function listCleaner(element: z.core.$ZodType): Cleaner | undefined {
  const inner = cleanerOf(element);
  if (inner === undefined) return undefined;
  return {
    fits: Array.isArray,
    clean: (list) => {
      if (!Array.isArray(list)) return list;
      const cleaned = list.map((one: unknown) => inner.clean(one));
      return cleaned.every((one, index) => one === list[index]) ? list : cleaned;
    },
  };
}

function unionCleaner(def: z.core.$ZodUnionDef): Cleaner | undefined {
  const parts = def.options.flatMap((option) => cleanerOf(option) ?? []);
  if (parts.length === 0) return undefined;
  const { discriminator } = def as Partial<z.core.$ZodDiscriminatedUnionDef>;
  return {
    fits: (value, by) => parts.some((part) => part.fits(value, by)),
    clean: (value) => parts.find((part) => part.fits(value, discriminator))?.clean(value) ?? value,
  };
}

function internalsOf<Schema extends z.core.$ZodType>({ _zod: internals }: Schema): Schema['_zod'] {
  return internals;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import { boundsOf } from './number-rule.js';
import { countAt, typeOfKeyword } from './keywords.js';
import { typeOf, type MergedSchema } from './merged-schema.js';
import type { Alternative } from './schema-resolver.js';
import { partOf, unsupportedSchema } from './schema-source.js';

const checked = new Set([
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'minLength',
  'maxLength',
]);

/**
 * The values of `enum` and `const` that satisfy the keywords beside them.
 * @throws HeddleError `unsupported_schema` where a keyword beside them is about a type that they have, and is not checked
 */
export function allowedValues(
  alternative: Alternative,
  { types, isInteger, values = [] }: MergedSchema,
): readonly unknown[] {
  const valueTypes = new Set(values.map(typeOf));
  for (const { keywords, path } of alternative) {
    for (const keyword of Object.keys(keywords)) {
      const type = Object.hasOwn(typeOfKeyword, keyword) ? typeOfKeyword[keyword] : undefined;
      if (type === undefined || checked.has(keyword) || !valueTypes.has(type)) continue;
      throw unsupportedSchema(
        partOf(path, keyword),
        'beside "enum" or "const" it is not checked; leave it out.',
      );
    }
  }
  const hasLength = lengthCheck(alternative);
  const { least = -Infinity, most = Infinity, leastIsExcluded, mostIsExcluded } = boundsOf(alternative);
  return values.filter((value) => {
    if (!types.has(typeOf(value))) return false;
    if (typeof value === 'string') return hasLength(value);
    if (typeof value !== 'number') return true;
    if (isInteger && !Number.isInteger(value)) return false;
    return (
      (leastIsExcluded ? value > least : value >= least) && (mostIsExcluded ? value < most : value <= most)
    );
  });
}

/** Whether a text has as many characters as it must. */
function lengthCheck(alternative: Alternative): (text: string) => boolean {
  let [least, most] = [0, Infinity];
  for (const { keywords, path } of alternative) {
    least = Math.max(least, countAt(keywords, 'minLength', path) ?? 0);
    most = Math.min(most, countAt(keywords, 'maxLength', path) ?? Infinity);
  }
  return (text) => {
    if (least === 0 && most === Infinity) return true;
    const { length } = Array.from(text);
    return length >= least && length <= most;
  };
}

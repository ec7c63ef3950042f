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
  const { least = -Infinity, most = Infinity, leastIsExcluded, mostIsExcluded } = boundsOf(alternative);
  return values.filter((value) => {
    if (!types.has(typeOf(value))) return false;
    if (typeof value === 'string') return hasLength(alternative, value);
    if (typeof value !== 'number') return true;
    if (isInteger && !Number.isInteger(value)) return false;
    return (
      (leastIsExcluded ? value > least : value >= least) && (mostIsExcluded ? value < most : value <= most)
    );
  });
}

function hasLength(alternative: Alternative, text: string): boolean {
  const length = Array.from(text).length;
  return alternative.every(({ keywords, path }) => {
    const least = countAt(keywords, 'minLength', path) ?? 0;
    const most = countAt(keywords, 'maxLength', path) ?? Infinity;
    return length >= least && length <= most;
  });
}

import type { z } from 'zod';
import { HeddleError } from '../core/errors.js';
import { withoutNullFields } from './null-fields.js';

/**
 * Checks a request body once, at the edge; behind it only valid values travel. A field that is null counts as not sent, at
 * every depth.
 * @param neutral parameters that heddle does not support, each with the values that ask for nothing; any other value,
 *   like an unknown parameter, is refused instead of being ignored
 * @throws HeddleError `invalid_parameter` or `unsupported_parameter`, with the path of the field
 */
export function parseBody<S extends z.ZodObject>(
  schema: S,
  body: unknown,
  neutral: Readonly<Record<string, readonly unknown[]>> = {},
): z.infer<S> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new HeddleError('invalid_parameter', 'The request body must be a JSON object.');
  }
  const fields = Object.entries(body).filter(([name, value]) => {
    const neutralValues = Object.hasOwn(neutral, name) ? neutral[name] : undefined;
    if (neutralValues === undefined || value === null) return true;
    if (neutralValues.some((known) => sameJson(known, value))) return false;
    throw unsupported(name);
  });
  const result = schema.safeParse(withoutNullFields(schema, Object.fromEntries(fields)));
  if (result.success) return result.data;
  throw invalid(result.error);
}

function invalid(error: z.ZodError): HeddleError {
  const [issue] = error.issues;
  if (issue === undefined) return new HeddleError('invalid_parameter', 'The request body is not valid.');
  const path = pathText(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return unsupported(pathText([...issue.path, ...issue.keys.slice(0, 1)]));
  }
  const where = path === '' ? '' : `"${path}": `;
  return new HeddleError('invalid_parameter', `${where}${issue.message}`, { param: path });
}

function unsupported(path: string): HeddleError {
  return new HeddleError(
    'unsupported_parameter',
    `The parameter "${path}" is not supported. heddle ignores nothing, so leave it out; docs/api.md lists what is supported.`,
    { param: path },
  );
}

/** `messages[0].content` */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`,
    )
    .join('');
}

/** @param known a small value; the other one can be of any size and depth */
function sameJson(known: unknown, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return known === value;
  const text = JSON.stringify(known);
  try {
    return JSON.stringify(value) === text;
  } catch {
    return false; // nested too deeply to be written: it is not the small one
  }
}

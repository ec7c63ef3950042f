import { describeSchema } from './describe-schema.js';
import { acceptNulls, toJsonSchema, type JsonSchema } from './json-schema.js';
import type { RequestBody } from './operation.js';

/** What is said of a parameter that nothing else is said of. */
const unsupported = 'Not supported: only what asks for nothing is taken';

/**
 * The schema of a request's body: what its zod schema takes; null for all that need not be sent, which counts as not sent;
 * and of what is not supported, the values that ask for nothing.
 */
export function requestBodySchema({ name, schema, neutral = {}, descriptions }: RequestBody): JsonSchema {
  const made = toJsonSchema(schema, `#/components/schemas/${name}`);
  acceptNulls(made);
  const properties = (made.properties ??= {});
  for (const [parameter, values] of Object.entries(neutral))
    properties[parameter] = {
      ...(values.length === 0 ? { type: 'null' } : { enum: [...values, null] }),
      description: unsupported,
      'x-unsupported': true,
    };
  describeSchema(made, descriptions);
  return made;
}

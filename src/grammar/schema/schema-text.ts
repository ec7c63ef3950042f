import { HeddleError } from '../../core/errors.js';
import { isDeeperThan } from '../../core/json-depth.js';
import { limits } from '../limits.js';
import { checkSchemaSize } from './schema-resolver.js';
import { invalidSchema } from './schema-source.js';

/**
 * The schema that a JSON text is, which is not parsed when it is nested too deeply.
 * @throws HeddleError `invalid_parameter` for one that is no JSON, or larger than schemas can be
 */
export function readSchemaText(text: string, path: string): unknown {
  // The schema itself, and those in it.
  if (isDeeperThan(text, limits.schemaDepth + 1))
    throw invalidSchema(path, `a schema may be nested ${limits.schemaDepth} deep.`);
  const schema = parsed(text, path);
  checkSchemaSize(schema, path);
  return schema;
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HeddleError('invalid_parameter', `"${path}": this text is not JSON.`, { param: path, cause });
  }
}

import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/**
 * Who sends a request, as far as its headers tell: a digest of its API key, so that the key itself goes no further.
 * @returns undefined when there is none
 */
export function callerOf({ authorization, 'x-api-key': header }: IncomingHttpHeaders): string | undefined {
  const key = typeof header === 'string' ? header : /^Bearer +(\S+)/i.exec(authorization ?? '')?.[1];
  if (key === undefined || key === '') return undefined;
  return createHash('sha256').update(key).digest('base64url');
}

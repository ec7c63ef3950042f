import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/**
 * The one API key of a request: `x-api-key`, else `authorization: Bearer`. Whoever may ask, whose turn it is and what is
 * left of whose limits is all decided by this one, so that a second key changes nothing.
 * @returns undefined when there is none
 */
export function presentedKey({
  authorization,
  'x-api-key': header,
}: IncomingHttpHeaders): string | undefined {
  const key = typeof header === 'string' ? header : /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  return key === '' ? undefined : key;
}

/**
 * Who sends a request, as far as its headers tell: a digest of its API key, so that the key itself goes no further.
 * @returns undefined when there is no key
 */
export function callerOf(headers: IncomingHttpHeaders): string | undefined {
  const key = presentedKey(headers);
  return key === undefined ? undefined : createHash('sha256').update(key).digest('base64url');
}

import type { FastifyReply, FastifyRequest } from 'fastify';
import { HeddleError } from '../../core/errors.js';

/** Seconds that a browser may remember what it may ask for. */
const preflightAge = 600;

/** Headers of answers that pages may read. */
const exposed =
  'request-id, x-request-id, retry-after, x-should-retry, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests';

/**
 * Lets web pages of some origins ask, and no others: without that, any page that somebody looks at could use the server
 * behind their back. Refuses instead of answering without CORS headers, since a browser sends simple requests and only
 * then hides the answer: a model could be unloaded that way. A request without Origin is no page's, or a harmless one.
 * @returns whether the request was a preflight; it is answered then
 * @throws HeddleError `origin_not_allowed`
 */
export function checkOrigin(
  request: FastifyRequest,
  reply: FastifyReply,
  corsOrigins: readonly string[],
): boolean {
  const { origin, host } = request.headers;
  const { raw } = reply;
  if (corsOrigins.length > 0) raw.setHeader('vary', 'Origin');
  if (origin === undefined || isSame(origin, host)) return false;
  if (
    !corsOrigins.includes('*') &&
    !corsOrigins.some((allowed) => allowed.toLowerCase() === origin.toLowerCase())
  ) {
    throw new HeddleError(
      'origin_not_allowed',
      'Web pages of this origin may not use the server. If they should, add the origin to cors_origins in the configuration file.',
    );
  }
  // On the raw response, so that streams have them too.
  raw.setHeader('access-control-allow-origin', corsOrigins.includes('*') ? '*' : origin);
  const { 'access-control-request-method': method, 'access-control-request-headers': headers } =
    request.headers;
  if (request.method !== 'OPTIONS' || method === undefined) {
    raw.setHeader('access-control-expose-headers', exposed);
    return false;
  }
  raw.setHeader('access-control-allow-methods', 'GET, POST, DELETE');
  if (headers !== undefined) raw.setHeader('access-control-allow-headers', headers);
  if (request.headers['access-control-request-private-network'] === 'true')
    raw.setHeader('access-control-allow-private-network', 'true');
  raw.setHeader('access-control-max-age', preflightAge);
  return true;
}

/** The page is the server's own. */
function isSame(origin: string, host: string | undefined): boolean {
  const parts = /^https?:\/\/(.+)$/i.exec(origin);
  return parts?.[1]?.toLowerCase() === host?.toLowerCase() && host !== undefined;
}

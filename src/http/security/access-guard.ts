import type { FastifyInstance } from 'fastify';
import type { AccessPolicy } from '../../core/access.js';
import { presentedKey } from '../caller.js';
import { apiOf } from '../error-body.js';
import { checkCounts } from './body-counts.js';
import { accessOf, checkAccess, type CallerAccess } from './caller-access.js';
import { checkOrigin } from './cross-origin.js';
import { checkHost } from './host-check.js';
import { jsonBody } from './json-body.js';
import { KeyLimiter } from './key-limiter.js';
import { neededLevel } from './needed-level.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sends it; null before that was found out. */
    callerAccess: CallerAccess | null;
  }
}

/**
 * Stands before every route, those that are added later too: the name that the server was called by, the page that asks,
 * the key, and its limits, in this order and before anything of the body is read; then what the body holds.
 * @param policy what holds at the moment
 */
export function accessGuard(server: FastifyInstance, policy: () => AccessPolicy): void {
  const limiter = new KeyLimiter();
  server.decorateRequest('callerAccess', null);
  server.addHook('onRequest', async (request, reply) => {
    const { raw, headers } = request;
    const now = policy();
    reply.raw.setHeader('x-request-id', request.id);
    if (apiOf(request.url, headers) === 'anthropic') reply.raw.setHeader('request-id', request.id);
    checkHost(raw.headers.host, listeningAddress(server), now);
    if (checkOrigin(request, reply, now.corsOrigins)) return reply.code(204).send();
    const sent = presentedKey(headers);
    const access = accessOf(now, sent);
    request.callerAccess = access;
    const needed = neededLevel(request.routeOptions.url, now.publicMetrics);
    checkAccess(access, needed, sent);
    if (needed === 'api' && request.routeOptions.url !== '/metrics')
      limiter.enter(access.key, access.key?.limits ?? now.keyLimits, reply);
    return undefined;
  });
  jsonBody(server, () => policy().limits.depth);
  server.addHook('preValidation', ({ body }, _, done) => {
    checkCounts(body, policy().limits);
    done();
  });
}

/** Undefined for a server that listens on no network, or not yet. */
function listeningAddress({ server }: FastifyInstance): string | undefined {
  const address = server.address();
  return typeof address === 'object' ? address?.address : undefined;
}

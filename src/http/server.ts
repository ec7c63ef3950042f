import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { HeddleError, toHeddleError } from '../core/errors.js';
import { EngineReports, PromptCacheReports } from '../pool/engine-reports.js';
import { adminRoute } from './admin-route.js';
import { cacheProbeRoute } from './cache-probe-route.js';
import { cacheRoute } from './cache-route.js';
import { healthRoute } from './health-route.js';
import { metricsRoute } from './metrics-route.js';
import { chatRoute } from './openai/chat-route.js';
import { completionsRoute } from './openai/completions-route.js';
import { embeddingsRoute } from './openai/embeddings-route.js';
import { errorBody } from './openai/error-body.js';
import { modelsRoute } from './openai/models-route.js';
import { rerankRoute } from './rerank-route.js';
import type { RouteContext } from './route-context.js';

/** How long a client may take to send a request, milliseconds; answers may take as long as they take. */
const requestTimeout = 300_000;

/** Bytes of a request body; room for the prompt of a long context. */
const bodyLimit = 16 * 1024 * 1024;

/** The HTTP server, not yet listening. Closing it does not close the pool. */
export function createServer(context: RouteContext): FastifyInstance {
  const server = fastify({
    logger: false,
    bodyLimit,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    requestTimeout,
    routerOptions: { maxParamLength: 1024 },
    frameworkErrors: (error, request, reply) => {
      void sendError(toHttpError(error), request, reply, context);
    },
  });
  const routes: Route[] = [];
  server.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) if (one !== 'HEAD') routes.push({ method: one, url });
  });
  server.removeContentTypeParser('text/plain');
  server.setErrorHandler(async (error, request, reply) =>
    sendError(toHttpError(error), request, reply, context),
  );
  server.setNotFoundHandler(async (request, reply) =>
    sendError(notFound(routes, request), request, reply, context),
  );
  closeIdleConnections(server);
  const { pool, metrics } = context;
  const reports = new EngineReports();
  adminRoute(server, context, reports);
  const caches = new PromptCacheReports();
  cacheRoute(server, context, caches);
  cacheProbeRoute(server, context);
  if (metrics !== undefined) metricsRoute(server, { pool, metrics, reports, caches });
  healthRoute(server, context);
  modelsRoute(server, context);
  chatRoute(server, context);
  completionsRoute(server, context);
  embeddingsRoute(server, context);
  rerankRoute(server, context);
  return server;
}

/** Once the server is closing, a connection that is done with its response is closed instead of being kept for another. */
function closeIdleConnections(server: FastifyInstance): void {
  let closing = false;
  server.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  server.server.on('request', (_, response) => {
    response.once('close', () => {
      // A turn later the connection counts as idle.
      if (closing) setImmediate(() => server.server.closeIdleConnections());
    });
  });
}

/** What fastify refuses by itself, as errors of the catalogue. */
function toHttpError(thrown: unknown): HeddleError {
  const code = (thrown as { code?: unknown }).code;
  switch (code) {
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new HeddleError('invalid_json', 'The request body is not valid JSON.');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new HeddleError(
        'unsupported_media_type',
        'Send the body as JSON, with content-type: application/json.',
      );
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new HeddleError(
        'body_too_large',
        `The request body is larger than ${bodyLimit / 1024 / 1024} MiB.`,
      );
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_BAD_URL':
      return new HeddleError('invalid_parameter', (thrown as Error).message);
    case 'ECONNRESET':
      return new HeddleError('request_cancelled', 'The client closed the connection.');
    default:
      return toHeddleError(thrown);
  }
}

interface Route {
  readonly method: string;
  /** As it was given, with parameters such as `:id`. */
  readonly url: string;
}

function matches(pattern: string, path: string): boolean {
  const names = path.split('/');
  const parts = pattern.split('/');
  return (
    parts.length === names.length && parts.every((part, at) => part.startsWith(':') || part === names[at])
  );
}

function notFound(routes: readonly Route[], { method, url }: FastifyRequest): HeddleError {
  const path = url.split('?', 1)[0] ?? url;
  const allowed = [
    ...new Set(routes.filter((route) => matches(route.url, path)).map((route) => route.method)),
  ];
  if (allowed.length === 0)
    return new HeddleError('route_not_found', `There is nothing at ${method} ${path}.`);
  return new HeddleError('method_not_allowed', `${path} takes ${allowed.join(' and ')}, not ${method}.`);
}

async function sendError(
  error: HeddleError,
  { method, url }: FastifyRequest,
  reply: FastifyReply,
  { log, metrics }: RouteContext,
): Promise<void> {
  metrics?.requestFailed(error.code);
  const fields = { method, url, code: error.code, cause: error.cause };
  if (error.status >= 500) log.error(fields, error.message);
  else log.debug(fields, error.message);
  // The official SDKs repeat a failed request by its status, unless they are told better.
  reply.header('x-should-retry', String(error.retryable));
  if (error.retryable) reply.header('retry-after', '1');
  await reply.code(error.status).send(errorBody(error));
}

import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { defaultAccess } from '../core/access.js';
import { HeddleError, toHeddleError } from '../core/errors.js';
import { defaultResponseLimits } from '../core/response-limits.js';
import { EngineReports, PromptCacheReports } from '../pool/engine-reports.js';
import { adminRoute } from './admin-route.js';
import { countTokensRoute } from './anthropic/count-tokens-route.js';
import { messagesRoute } from './anthropic/messages-route.js';
import { cacheProbeRoute } from './cache-probe-route.js';
import { cacheRoute } from './cache-route.js';
import { answerClientError } from './client-error.js';
import { apiOf, errorBodyFor } from './error-body.js';
import { healthRoute } from './health-route.js';
import { metricsRoute } from './metrics-route.js';
import { ollamaRoutes } from './ollama/ollama-routes.js';
import { referenceRoutes } from './openapi/reference-routes.js';
import { chatRoute } from './openai/chat-route.js';
import { completionsRoute } from './openai/completions-route.js';
import { embeddingsRoute } from './openai/embeddings-route.js';
import { modelsRoute } from './openai/models-route.js';
import { ResponseStore } from './openai/responses/response-store.js';
import { responsesRoute } from './openai/responses/responses-route.js';
import { storedResponsesRoute } from './openai/responses/stored-responses-route.js';
import { newRequestId } from './request-id.js';
import { rerankRoute } from './rerank-route.js';
import type { RouteContext } from './route-context.js';
import { accessGuard } from './security/access-guard.js';

/** How long a client may take to send a request, milliseconds; answers may take as long as they take. */
const requestTimeout = 300_000;

/** Characters of an error's message that are sent: it may name something that the client has made long. */
const longestMessage = 4096;

/** The HTTP server, not yet listening. Closing it does not close the pool. */
export function createServer(context: RouteContext): FastifyInstance {
  const access = context.access ?? (() => defaultAccess);
  const { bodyBytes: bodyLimit } = access().limits;
  const send = async (thrown: unknown, request: FastifyRequest, reply: FastifyReply): Promise<void> =>
    sendError(toHttpError(thrown, bodyLimit), request, reply, context);
  const server = fastify({
    logger: false,
    bodyLimit,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    requestTimeout,
    routerOptions: { maxParamLength: 1024 },
    genReqId: newRequestId,
    frameworkErrors: (error, request, reply) => {
      void send(error, request, reply);
    },
    clientErrorHandler: (error, socket) => answerClientError(error, socket, context),
  });
  const routes: Route[] = [];
  server.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) if (one !== 'HEAD') routes.push({ method: one, url });
  });
  server.setErrorHandler(send);
  server.setNotFoundHandler(async (request, reply) => send(notFound(routes, request), request, reply));
  accessGuard(server, access);
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
  const responses = new ResponseStore(context.responses ?? (() => defaultResponseLimits));
  responsesRoute(server, context, responses);
  storedResponsesRoute(server, responses);
  messagesRoute(server, context);
  countTokensRoute(server, context);
  embeddingsRoute(server, context);
  rerankRoute(server, context);
  ollamaRoutes(server, context);
  referenceRoutes(server);
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
function toHttpError(thrown: unknown, bodyLimit: number): HeddleError {
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
        `The request body is larger than ${Math.floor(bodyLimit / 2 ** 20)} MiB.`,
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
  thrown: HeddleError,
  { id, method, url, headers, callerAccess }: FastifyRequest,
  reply: FastifyReply,
  { log, metrics }: RouteContext,
): Promise<void> {
  const error = shortened(thrown);
  metrics?.requestFailed(error.code);
  // Without the query: some clients send their key in it.
  const path = cut(url.split('?', 1)[0] ?? url);
  const fields = { id, key: callerAccess?.key?.name, method, path, code: error.code, cause: thrown.cause };
  if (error.status >= 500) log.error(fields, error.message);
  else log.debug(fields, error.message);
  // The official SDKs repeat a failed request by its status, unless they are told better.
  reply.header('x-should-retry', String(error.retryable));
  if (error.retryable && !reply.hasHeader('retry-after')) reply.header('retry-after', '1');
  if (error.status === 401) reply.header('www-authenticate', 'Bearer');
  await reply.code(error.status).send(errorBodyFor(apiOf(url, headers), error, id));
}

/** As it is told: nobody sends a name of a million characters back. */
function shortened(error: HeddleError): HeddleError {
  const { code, message, param, retryable } = error;
  if (message.length <= longestMessage && (param?.length ?? 0) <= longestMessage) return error;
  return new HeddleError(code, cut(message), {
    retryable,
    ...(param === undefined ? {} : { param: cut(param) }),
  });
}

function cut(text: string): string {
  return text.length <= longestMessage ? text : `${text.slice(0, longestMessage)}…`;
}

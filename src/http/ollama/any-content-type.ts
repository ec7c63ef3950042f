import type { FastifyInstance } from 'fastify';

/**
 * Has bodies of the Ollama API read as JSON, whatever they are said to be: its clients need not say, and `curl -d` says that
 * they are a form. Web pages can send such requests to other origins without asking first, but not without an Origin, which
 * the access guard has checked before.
 */
export function anyContentType(server: FastifyInstance): void {
  server.addHook('onRequest', (request, _, done) => {
    const { headers } = request;
    const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    if (hasBody && request.routeOptions.url?.startsWith('/api/') === true)
      headers['content-type'] = 'application/json';
    done();
  });
}

import type { FastifyInstance } from 'fastify';
import { HeddleError } from '../../core/errors.js';

const routes = [
  ['POST', '/api/pull', 'does not download models: put a GGUF file into a model folder'],
  ['POST', '/api/push', 'does not upload models'],
  ['POST', '/api/create', 'does not make models: put a GGUF file into a model folder'],
  ['POST', '/api/copy', 'does not copy models: give one another name with "aliases" in the configuration'],
  ['DELETE', '/api/delete', 'does not delete models: take the file out of the model folder'],
] as const;

/** What the Ollama API has for changing models, which are files of the operator here: refused, whatever is sent. */
export function refusedRoutes(server: FastifyInstance): void {
  for (const [method, url, why] of routes) {
    server.route({
      method,
      url,
      handler: () => {
        throw new HeddleError('route_not_found', `heddle ${why}. It has no ${method} ${url}.`);
      },
    });
  }
}

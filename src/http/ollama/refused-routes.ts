import type { FastifyInstance } from 'fastify';
import { HeddleError } from '../../core/errors.js';

/** What is refused, and why. */
export const refusals = [
  {
    method: 'POST',
    url: '/api/pull',
    why: 'does not download models: put a GGUF file into a model folder',
  },
  { method: 'POST', url: '/api/push', why: 'does not upload models' },
  { method: 'POST', url: '/api/create', why: 'does not make models: put a GGUF file into a model folder' },
  {
    method: 'POST',
    url: '/api/copy',
    why: 'does not copy models: give one another name with "aliases" in the configuration',
  },
  {
    method: 'DELETE',
    url: '/api/delete',
    why: 'does not delete models: take the file out of the model folder',
  },
] as const;

/** What the Ollama API has for changing models, which are files of the operator here: refused, whatever is sent. */
export function refusedRoutes(server: FastifyInstance): void {
  for (const { method, url, why } of refusals) {
    server.route({
      method,
      url,
      handler: () => {
        throw new HeddleError('route_not_found', `heddle ${why}. It has no ${method} ${url}.`);
      },
    });
  }
}

import type { FastifyInstance } from 'fastify';

/** `GET /`, by which clients of Ollama see that it runs: the very words that they may look for. */
export function runningRoute(server: FastifyInstance): void {
  server.get('/', async (_, reply) => reply.type('text/plain; charset=utf-8').send('Ollama is running'));
}

import type { FastifyInstance } from 'fastify';
import { version } from '../../core/version.js';

/** The Ollama whose API this follows: clients compare it before they use what is newer. */
const apiVersion = '0.12.0';

/** `GET /api/version` */
export function versionRoute(server: FastifyInstance): void {
  server.get('/api/version', () => ({ version: apiVersion, heddle: version }));
}

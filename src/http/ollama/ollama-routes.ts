import type { FastifyInstance } from 'fastify';
import type { RouteContext } from '../route-context.js';
import { anyContentType } from './any-content-type.js';
import { chatRoute } from './chat-route.js';
import { embedRoute } from './embed-route.js';
import { generateRoute } from './generate-route.js';
import { psRoute } from './ps-route.js';
import { refusedRoutes } from './refused-routes.js';
import { runningRoute } from './running-route.js';
import { showRoute } from './show-route.js';
import { tagsRoute } from './tags-route.js';
import { versionRoute } from './version-route.js';

/** The Ollama API: `/api/*`, and what its clients look for at `/`. */
export function ollamaRoutes(server: FastifyInstance, context: RouteContext): void {
  anyContentType(server);
  chatRoute(server, context);
  generateRoute(server, context);
  embedRoute(server, context);
  tagsRoute(server, context);
  showRoute(server, context);
  psRoute(server, context);
  versionRoute(server);
  runningRoute(server);
  refusedRoutes(server);
}

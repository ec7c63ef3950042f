import type { AccessLevel } from '../../core/access.js';

/** The reference is the same for everybody, as is that a server runs; of its health a stranger is told the status alone. */
const publicRoutes: readonly string[] = ['/', '/health', '/openapi.json', '/docs'];
const adminRoutes = /^\/(?:admin\/|v1\/models\/:id\/(?:load|unload)$)/;

/**
 * What a request must be allowed to be answered. A route that is not named here needs a key, as does a path that is none:
 * strangers do not learn what there is.
 * @param route the pattern that the router found, not the path that was sent, which can be written in many ways; undefined
 *   where there is none
 */
export function neededLevel(route: string | undefined, publicMetrics: boolean): AccessLevel {
  if (route === undefined) return 'api';
  if (publicRoutes.includes(route) || (route === '/metrics' && publicMetrics)) return 'none';
  return adminRoutes.test(route) ? 'admin' : 'api';
}

const levels: readonly AccessLevel[] = ['none', 'api', 'admin'];

/** Whether who is allowed one level may do what needs another. */
export function covers(granted: AccessLevel, needed: AccessLevel): boolean {
  return levels.indexOf(granted) >= levels.indexOf(needed);
}

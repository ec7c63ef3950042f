import type { FastifyInstance } from 'fastify';

/** A route of a server. */
export interface ServerRoute {
  readonly method: string;
  /** With parameters such as `:id`. */
  readonly pattern: string;
}

/** All routes of a server, also those that are added to it later, as its router shows them. */
export function routesOf(server: FastifyInstance): ServerRoute[] {
  const parents: string[] = [];
  return server
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', segment = '', methods = ''] =
        /^((?:│ {3}| {4})*)(?:├|└)── (\S+)(?: \((.*)\))?$/.exec(line) ?? [];
      if (segment === '') return [];
      const depth = indent.length / 4;
      parents.splice(depth, Infinity, segment);
      const pattern = parents.join('');
      return methods
        .split(', ')
        .filter((method) => method !== '' && method !== 'HEAD')
        .map((method) => ({ method, pattern }));
    });
}

import type { FastifyInstance } from 'fastify';
import { HeddleError } from '../../core/errors.js';
import { isDeeperThan } from '../../core/json-depth.js';

/** Reads bodies of `application/json` that are not nested too deeply; all others are refused. */
export function jsonBody(server: FastifyInstance, depth: () => number): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeAllContentTypeParsers();
  server.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    const limit = depth();
    if (isDeeperThan(body, limit)) done(tooDeep(limit));
    else void parse(request, body, done); // it calls back
  });
}

function tooDeep(limit: number): HeddleError {
  return new HeddleError(
    'invalid_parameter',
    `The body has more than ${limit} lists and objects inside of each other.`,
  );
}

import { expect } from 'vitest';
import type { FakeServer } from '../fake-server.js';
import { bodySchemaOf, problemsOf } from './document-schemas.js';

/** Makes sure that all that is posted to a server from now on is as the document says. */
export function documented(server: FakeServer): FakeServer {
  const post = server.post.bind(server);
  server.post = async (path, body, signal) => {
    expect(problemsOf(bodySchemaOf('post', path), body)).toEqual([]);
    return post(path, body, signal);
  };
  return server;
}

import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { buildDocument } from './document.js';
import { originMark } from './page/example.js';
import { escapeText } from './page/html.js';
import { referencePage } from './page/reference-page.js';

/** A server's name that can be shown as it is; others are those of no server. */
const plainHost = /^[\w.-]+(?::\d+)?$|^\[[\da-f:.]+\](?::\d+)?$/i;

/**
 * `GET /openapi.json` and `GET /docs`: what the server takes and answers, for programs and for people. Both are made when
 * they are first asked for, and kept; they are the same for everybody.
 */
export function referenceRoutes(server: FastifyInstance): void {
  const document = once(buildDocument);
  const json = once(() => tagged(JSON.stringify(document())));
  const page = once(() => referencePage(document()));
  server.get('/openapi.json', async (request, reply) => {
    const { text, tag } = json();
    reply.type('application/json; charset=utf-8').header('x-content-type-options', 'nosniff');
    return sendTagged(text, tag, request, reply);
  });
  server.get('/docs', async (request, reply) => {
    const { text, policy } = page();
    const { text: own, tag } = tagged(text.replaceAll(originMark, () => escapeText(originOf(request))));
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', policy)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer');
    return sendTagged(own, tag, request, reply);
  });
}

/** Browsers may keep it, and ask whether it is still the same. */
async function sendTagged(
  text: string,
  tag: string,
  { headers }: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  reply.header('cache-control', 'no-cache').header('etag', tag);
  const known = headers['if-none-match']?.split(',').map((each) => each.trim().replace(/^W\//, ''));
  if (known?.some((each) => each === tag || each === '*') === true) return reply.code(304).send();
  return reply.send(text);
}

/** Where the server was reached, for examples. Behind a proxy with TLS that is the proxy's, by its name. */
function originOf({ protocol, headers: { host = '' } }: FastifyRequest): string {
  return `${protocol}://${plainHost.test(host) ? host : '127.0.0.1:8000'}`;
}

function tagged(text: string): { readonly text: string; readonly tag: string } {
  return { text, tag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 27)}"` };
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}

import { randomUUID } from 'node:crypto';

/** A name for a request, which nothing else has. */
export function newRequestId(): string {
  return `req_${randomUUID().replaceAll('-', '')}`;
}

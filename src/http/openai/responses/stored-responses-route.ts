import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { HeddleError } from '../../../core/errors.js';
import { callerOf } from '../../caller.js';
import { withInputForm } from '../../input-forms.js';
import { parseBody } from '../../validation.js';
import type { Item } from './item.js';
import type { ResponseStore } from './response-store.js';

/** The query of a stored response. A query's values are texts. */
export const retrieveQuery = z.strictObject({
  stream: z.literal('false', 'a response that is stored is not streamed again').optional(),
});

/** The query of the items of a stored response. */
export const itemsQuery = z.strictObject({
  after: z.string().optional(),
  limit: withInputForm(
    z
      .string()
      .regex(/^\d{1,3}$/, 'limit must be a number from 1 to 100')
      .transform(Number)
      .pipe(z.int().min(1).max(100)),
    { accepts: z.int().min(1).max(100) },
  ).default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
});

/** The body of a cancellation, which has nothing to say. */
export const noBody = z.strictObject({});

interface ById {
  Params: { id: string };
}

/**
 * `GET` and `DELETE /v1/responses/{id}`, `GET .../input_items`, and `POST .../cancel`, which says that there is nothing to
 * cancel: responses are not made in the background.
 */
export function storedResponsesRoute(server: FastifyInstance, store: ResponseStore): void {
  server.get<ById>('/v1/responses/:id', ({ params, query, headers }) => {
    parseBody(retrieveQuery, query);
    return store.get(callerOf(headers) ?? '', params.id).body;
  });
  server.delete<ById>('/v1/responses/:id', ({ params: { id }, headers }) => {
    store.delete(callerOf(headers) ?? '', id);
    return { id, object: 'response', deleted: true };
  });
  server.get<ById>('/v1/responses/:id/input_items', ({ params, query, headers }) => {
    const { after, limit, order } = parseBody(itemsQuery, query);
    const { input } = store.get(callerOf(headers) ?? '', params.id);
    const ordered = order === 'asc' ? input : input.toReversed();
    return listOf(ordered.slice(placeAfter(ordered, after)), limit);
  });
  server.post<ById>('/v1/responses/:id/cancel', ({ params, body, headers }) => {
    parseBody(noBody, body ?? {});
    store.get(callerOf(headers) ?? '', params.id);
    throw new HeddleError(
      'invalid_parameter',
      'Only responses that are made in the background can be cancelled; to stop another one, close its connection.',
      { param: 'id' },
    );
  });
}

function placeAfter(items: readonly Item[], after: string | undefined): number {
  if (after === undefined) return 0;
  const index = items.findIndex(({ id }) => id === after);
  if (index >= 0) return index + 1;
  throw new HeddleError('invalid_parameter', `There is no item "${after}" in this response.`, {
    param: 'after',
  });
}

function listOf(items: readonly Item[], limit: number): object {
  const data = items.slice(0, limit);
  return {
    object: 'list',
    data,
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: items.length > limit,
  };
}

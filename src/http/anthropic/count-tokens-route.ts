import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { defaultCacheUse } from '../../core/prompt-cache.js';
import { defaultSampling, defaultStop } from '../../core/sampling-defaults.js';
import { settingsOf } from '../../pool/pool-settings.js';
import { ClientWatch } from '../client-watch.js';
import { checkKind } from '../model-kind-check.js';
import type { RouteContext } from '../route-context.js';
import { parseBody } from '../validation.js';
import { checkHeaders } from './api-headers.js';
import { messagesPrompt } from './messages-prompt.js';
import { countTokensSchema, messagesNeutral } from './messages-schema.js';

/**
 * `POST /v1/messages/count_tokens`: the tokens of the very prompt that a message with the same parameters has. The model is
 * loaded if it is not; nothing is computed.
 */
export function countTokensRoute(server: FastifyInstance, { pool }: RouteContext): void {
  server.post('/v1/messages/count_tokens', async (request, reply) => {
    checkHeaders(request.headers);
    const body = parseBody(countTokensSchema, request.body, messagesNeutral);
    const client = new ClientWatch(reply.raw);
    const toPrompt = messagesPrompt(body, settingsOf(pool.settings, pool.idOf(body.model)).stablePrompts);
    await checkKind(pool, body.model, 'generation');
    const lease = await pool.lease(body.model, client.signal);
    try {
      client.check();
      const { prompt } = toPrompt(lease.engine.info, {
        id: randomUUID(),
        choices: 1,
        sampling: defaultSampling,
        stop: defaultStop,
        cache: defaultCacheUse,
      }).request;
      const { length } = await lease.engine.tokenize(prompt.text, prompt);
      return { input_tokens: length };
    } finally {
      lease.release();
    }
  });
}

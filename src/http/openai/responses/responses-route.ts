import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { defaultAccess } from '../../../core/access.js';
import { HeddleError } from '../../../core/errors.js';
import type { ModelInfo } from '../../../core/model-runner.js';
import { settingsOf } from '../../../pool/pool-settings.js';
import { thinkingVariables } from '../../../prompt/thinking.js';
import { callerOf } from '../../caller.js';
import { chatPrompt, type ChatJob } from '../../chat-prompt.js';
import type { RouteContext } from '../../route-context.js';
import { serveAnswer } from '../../serve-answer.js';
import { parseBody } from '../../validation.js';
import { toCacheUse, toSampling, toStopConditions } from '../sampling-schema.js';
import { toStanding, userOf } from '../standing-schema.js';
import { toChatMessages } from './chat-messages.js';
import { checkSupported } from './check-supported.js';
import { toItems } from './input-items.js';
import type { Item } from './item.js';
import { toLikelihoods } from './likelihood-wish.js';
import type { ResponseStore } from './response-store.js';
import { responsesFormat } from './responses-format.js';
import { responsesNeutral, responsesSchema, type ResponsesBody } from './responses-schema.js';
import { toContentForm } from './text-schema.js';
import { offeredTools } from './tools-schema.js';

/** `POST /v1/responses` */
export function responsesRoute(server: FastifyInstance, context: RouteContext, store: ResponseStore): void {
  server.post('/v1/responses', async ({ body: sent, headers }, reply) => {
    const mostItems = (context.access?.() ?? defaultAccess).limits.messages;
    checkCount((sent as { input?: unknown } | null)?.input, mostItems);
    const body = parseBody(responsesSchema, sent, responsesNeutral);
    checkSupported(body);
    const id = `resp_${randomUUID().replaceAll('-', '')}`;
    const owner = callerOf(headers) ?? '';
    const { previous_response_id: previous, store: isStored } = body;
    const before =
      previous === undefined ? undefined : store.get(owner, previous, 'previous_response_id').history;
    const said = before?.items() ?? [];
    const input = toItems(
      body.input,
      said.map((item) => item.id),
    );
    const items = [...said, ...input];
    checkCount(items, mostItems);
    const toJob = responsesJob(body, items, said.length, context);
    const { stream_options: _, ...fields } = body;
    const single = { ...fields, n: 1 };
    const generation = {
      id,
      ...toStanding(body, headers),
      ...toLikelihoods(body),
      choices: 1,
      sampling: toSampling(single),
      stop: toStopConditions(single, body.max_output_tokens),
      cache: toCacheUse(single),
    };
    await serveAnswer(
      {
        modelId: body.model,
        prompts: (info) => [chatPrompt(info, toJob(info), generation)],
        format: responsesFormat({
          id,
          asked: body,
          keep(answer, output) {
            if (isStored) store.add({ id, owner, body: answer, before, input, output });
          },
        }),
        stream: body.stream,
        user: userOf(body),
      },
      reply,
      context,
    );
  });
}

/** What is asked of a model, once that is loaded. @throws HeddleError for tools, items and a form that are not valid */
function responsesJob(
  body: ResponsesBody,
  items: readonly Item[],
  sentFrom: number,
  { pool }: RouteContext,
): (info: ModelInfo) => ChatJob {
  if (items.length === 0) {
    throw new HeddleError('invalid_parameter', 'There must be an item of input.', { param: 'input' });
  }
  const messages = toChatMessages(body.instructions, items, sentFrom);
  const { sent, definitions, calls } = offeredTools(body);
  const content = toContentForm(body.text);
  const { thinking_budget: tokens, chat_template_kwargs: given, reasoning } = body;
  const variables = sent.length === 0 ? given : { ...given, tools: sent };
  return (info) => ({
    chat: {
      messages,
      variables: thinkingVariables(info, variables, reasoning.effort ?? undefined, 'reasoning.effort'),
    },
    rules: settingsOf(pool.settings, pool.idOf(body.model)).stablePrompts,
    tools: definitions,
    calls,
    content,
    singleCall: !body.parallel_tool_calls,
    ...(tokens === undefined ? {} : { reasoningBudget: { tokens, param: 'thinking_budget' } }),
  });
}

/** Before a schema looks at each of them, and of all that a conversation has. */
function checkCount(items: unknown, most: number): void {
  if (!Array.isArray(items) || items.length <= most) return;
  throw new HeddleError('invalid_parameter', `A request may have ${most} items, not ${items.length}.`, {
    param: 'input',
  });
}

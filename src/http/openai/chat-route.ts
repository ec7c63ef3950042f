import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { ModelInfo } from '../../core/model-runner.js';
import { settingsOf } from '../../pool/pool-settings.js';
import { thinkingVariables } from '../../prompt/thinking.js';
import { chatPrompt, type ChatJob } from '../chat-prompt.js';
import { serveAnswer } from '../serve-answer.js';
import { systemFingerprint } from '../system-fingerprint.js';
import { parseBody } from '../validation.js';
import type { RouteContext } from '../route-context.js';
import { chatFormat } from './chat-format.js';
import { chatNeutral, chatSchema, toChatInput, toChatLikelihoods, type ChatBody } from './chat-schema.js';
import { toContentForm } from './output-schema.js';
import { toCacheUse, toSampling, toStopConditions } from './sampling-schema.js';
import { servedTier, toStanding, userOf } from './standing-schema.js';
import { toOfferedTools } from './tool-schema.js';

/** `POST /v1/chat/completions` */
export function chatRoute(server: FastifyInstance, context: RouteContext): void {
  server.post('/v1/chat/completions', async (request, reply) => {
    const body = parseBody(chatSchema, request.body, chatNeutral);
    const id = `chatcmpl-${randomUUID()}`;
    const toJob = chatJob(body, context);
    const generation = {
      id,
      ...toStanding(body, request.headers),
      ...toChatLikelihoods(body),
      choices: body.n,
      sampling: toSampling(body),
      stop: toStopConditions(body, body.max_completion_tokens ?? body.max_tokens),
      cache: toCacheUse(body),
    };
    const file = await context.pool.find(body.model);
    await serveAnswer(
      {
        modelId: body.model,
        prompts: (info) => [chatPrompt(info, toJob(info), generation)],
        format: (info) =>
          chatFormat({
            id,
            model: body.model,
            fingerprint: systemFingerprint(file, info, toJob(info).rules),
            tier: servedTier(body),
            likelihoods: body.logprobs,
            includeUsage: body.stream_options?.include_usage === true,
          }),
        stream: body.stream,
        user: userOf(body),
      },
      reply,
      context,
    );
  });
}

/** What is asked of a model, once that is loaded. @throws HeddleError as {@link toOfferedTools} */
function chatJob(body: ChatBody, { pool }: RouteContext): (info: ModelInfo) => ChatJob {
  const offered = toOfferedTools(body);
  const { messages, variables } = toChatInput(body, offered.sent);
  const content = toContentForm(body);
  const { thinking_budget: tokens, reasoning_effort: effort } = body;
  return (info) => ({
    chat: { messages, variables: thinkingVariables(info, variables, effort) },
    rules: settingsOf(pool.settings, pool.idOf(body.model)).stablePrompts,
    tools: offered.definitions,
    content,
    calls: offered.calls,
    singleCall: !body.parallel_tool_calls,
    rawReasoning: body.reasoning_format === 'none',
    ...(tokens === undefined ? {} : { reasoningBudget: { tokens, param: 'thinking_budget' } }),
  });
}

import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { RouteContext } from '../route-context.js';
import { plainParser } from '../../prompt/output/plain-parser.js';
import { textOf } from '../../prompt/output/output-blocks.js';
import type { AnswerFormat } from '../answer-format.js';
import { serveAnswer } from '../serve-answer.js';
import type { StreamEvent } from '../sse-writer.js';
import { parseBody } from '../validation.js';
import { completionsNeutral, completionsSchema, toPrompts } from './completions-schema.js';
import { toCacheUse, toSampling, toStopConditions } from './sampling-schema.js';
import { errorBody } from './error-body.js';
import { toStanding } from './standing-schema.js';
import { usageBody } from './usage.js';

/** `POST /v1/completions` */
export function completionsRoute(server: FastifyInstance, context: RouteContext): void {
  server.post('/v1/completions', async (request, reply) => {
    const body = parseBody(completionsSchema, request.body, completionsNeutral);
    const id = `cmpl-${randomUUID()}`;
    const includeUsage = body.stream_options?.include_usage === true;
    const standing = toStanding(body, request.headers);
    await serveAnswer(
      {
        modelId: body.model,
        prompts: () =>
          toPrompts(body.prompt).map((prompt, index) => ({
            request: {
              id: `${id}-${index}`,
              prompt,
              ...standing,
              choices: body.n,
              sampling: toSampling(body),
              stop: toStopConditions(body),
              cache: toCacheUse(body),
            },
            newParser: () => plainParser,
          })),
        format: completionsFormat(id, body.model, includeUsage),
        stream: body.stream,
        user: body.user,
      },
      reply,
      context,
    );
  });
}

function completionsFormat(id: string, model: string, includeUsage: boolean): AnswerFormat {
  const created = Math.floor(Date.now() / 1000);
  const answer = (choices: object[]): object => ({ id, object: 'text_completion', created, model, choices });
  const choice = (index: number, text: string, finish_reason: string | null): object => ({
    index,
    text,
    logprobs: null,
    finish_reason,
  });
  const chunk = (choices: object[], usage: object | null = null): StreamEvent => ({
    data: { ...answer(choices), ...(includeUsage ? { usage } : {}) },
  });
  return {
    opening: () => [],
    piece: ({ choice: index, events, end }) => [
      ...events.flatMap((event) =>
        event.kind === 'content' ? [chunk([choice(index, event.text, null)])] : [],
      ),
      ...(end === undefined ? [] : [chunk([choice(index, '', end.reason)])]),
    ],
    closing: (usage) => [...(includeUsage ? [chunk([], usageBody(usage))] : []), { data: '[DONE]' }],
    failure: (error) => [{ data: errorBody(error) }],
    whole: (choices, usage) => ({
      ...answer(
        choices.map(({ blocks, end }, index) => choice(index, textOf(blocks, 'content'), end.reason)),
      ),
      usage: usageBody(usage),
    }),
  };
}

import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { RouteContext } from '../route-context.js';
import { parseBody } from '../validation.js';
import { completionsNeutral, completionsSchema, toPrompts } from './completions-schema.js';
import { toGrammar } from './output-schema.js';
import { toCacheUse, toSampling, toStopConditions } from './sampling-schema.js';
import { serveCompletion, type AnswerFormat } from './serve-completion.js';
import { toStanding } from './standing-schema.js';

/** `POST /v1/completions` */
export function completionsRoute(server: FastifyInstance, context: RouteContext): void {
  server.post('/v1/completions', async (request, reply) => {
    const body = parseBody(completionsSchema, request.body, completionsNeutral);
    const id = `cmpl-${randomUUID()}`;
    const includeUsage = body.stream_options?.include_usage === true;
    const standing = toStanding(body, request.headers);
    const grammar = toGrammar(body);
    await serveCompletion(
      {
        modelId: body.model,
        requests: () =>
          toPrompts(body.prompt).map((prompt, index) => ({
            id: `${id}-${index}`,
            prompt,
            ...standing,
            choices: body.n,
            sampling: toSampling(body),
            stop: toStopConditions(body),
            cache: toCacheUse(body),
            ...(grammar === undefined ? {} : { grammar }),
          })),
        format: completionsFormat(id, body.model, includeUsage),
        stream: body.stream,
        includeUsage,
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
  const chunk = (choices: object[], usage: object | null = null): object => ({
    ...answer(choices),
    ...(includeUsage ? { usage } : {}),
  });
  return {
    opening: () => undefined,
    delta: (index, text) => chunk([choice(index, text, null)]),
    finish: (index, reason) => chunk([choice(index, '', reason)]),
    usage: (usage) => chunk([], usage),
    whole: (choices, usage) => ({
      ...answer(choices.map(({ text, reason }, index) => choice(index, text, reason))),
      usage,
    }),
  };
}

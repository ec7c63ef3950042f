import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Engine } from '../../engine/engine.js';
import { settingsOf } from '../../pool/pool-settings.js';
import type { RouteContext } from '../route-context.js';
import { systemFingerprint } from '../system-fingerprint.js';
import { parseBody } from '../validation.js';
import { CompletionsFormat } from './completions-format.js';
import {
  choicesOf,
  completionsSchema,
  promptsOf,
  toLikelihoods,
  toPlainPrompts,
  toPrompts,
  type CompletionsBody,
} from './completions-schema.js';
import { readEcho, type Echo } from './echo.js';
import { toCacheUse, toSampling, toStopConditions } from './sampling-schema.js';
import { serveCompletion, type CompletionPlan } from './serve-completion.js';
import { toStanding, userOf } from './standing-schema.js';

/** `POST /v1/completions` */
export function completionsRoute(server: FastifyInstance, context: RouteContext): void {
  server.post('/v1/completions', async (request, reply) => {
    const body = parseBody(completionsSchema, request.body);
    await serveCompletion(
      {
        modelId: body.model,
        plan: async (engine, signal) => planCompletion(body, { engine, signal, context, request }),
        stream: body.stream,
        includeUsage: body.stream_options?.include_usage === true,
        user: userOf(body),
      },
      reply,
      context,
    );
  });
}

/** What surrounds a request. */
interface Surroundings {
  readonly engine: Engine;
  readonly signal: AbortSignal;
  readonly context: RouteContext;
  readonly request: FastifyRequest;
}

async function planCompletion(body: CompletionsBody, around: Surroundings): Promise<CompletionPlan> {
  const { engine, request, context } = around;
  const id = `cmpl-${randomUUID()}`;
  const asked = { ...toStanding(body, request.headers), ...toLikelihoods(body) };
  const echoes = body.echo ? await readEchoes(body, id, around) : [];
  const file = await context.pool.find(body.model);
  const { stablePrompts } = settingsOf(context.pool.settings, file.id);
  const fingerprint = systemFingerprint(file, engine.info, stablePrompts);
  const format = new CompletionsFormat(body, { id, fingerprint, echoes });
  if (body.max_tokens === 0) {
    const promptTokens = echoes.reduce((sum, { tokens }) => sum + tokens.length, 0);
    return { requests: [], empty: { choices: echoes.length * choicesOf(body), promptTokens }, format };
  }
  const requests = toPrompts(body, engine.info).map((prompt, index) => ({
    id: `${id}-${index}`,
    prompt,
    ...asked,
    choices: choicesOf(body),
    sampling: toSampling(body),
    stop: toStopConditions(body),
    cache: toCacheUse(body),
  }));
  return { requests, format };
}

/** One after the other: each is a prompt that is computed, and they are no more urgent than any other's. */
async function readEchoes(body: CompletionsBody, id: string, around: Surroundings): Promise<Echo[]> {
  const { engine, request, signal } = around;
  const standing = toStanding(body, request.headers);
  const echoes: Echo[] = [];
  for (const [index, prompt] of toPlainPrompts(body.prompt, engine.info).entries()) {
    const sent = promptsOf(body.prompt)[index];
    const said = typeof sent === 'string' ? sent : undefined;
    const wish = body.logprobs === undefined ? undefined : { top: body.logprobs };
    const echoed = { ...standing, id: `${id}-${index}`, prompt };
    echoes.push(await readEcho(engine, echoed, { said, wish }, signal));
  }
  return echoes;
}

import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { GrammarSource } from '../../core/generation.js';
import type { ModelInfo } from '../../core/model-runner.js';
import type { Engine } from '../../engine/engine.js';
import { settingsOf } from '../../pool/pool-settings.js';
import { plainParser } from '../../prompt/output/plain-parser.js';
import type { AnswerPrompt } from '../answer.js';
import { grammarOf } from '../content-wish.js';
import type { RouteContext } from '../route-context.js';
import { serveAnswer } from '../serve-answer.js';
import { systemFingerprint } from '../system-fingerprint.js';
import { parseBody } from '../validation.js';
import { completionsFormat } from './completions-format.js';
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
import { toContentForm } from './output-schema.js';
import { toCacheUse, toSampling, toStopConditions } from './sampling-schema.js';
import { toStanding, userOf } from './standing-schema.js';

/** `POST /v1/completions` */
export function completionsRoute(server: FastifyInstance, context: RouteContext): void {
  server.post('/v1/completions', async ({ body: sent, headers }, reply) => {
    const body = parseBody(completionsSchema, sent);
    const asked = { id: `cmpl-${randomUUID()}`, body, headers, grammar: grammarOf(toContentForm(body)) };
    const file = await context.pool.find(body.model);
    const { stablePrompts } = settingsOf(context.pool.settings, file.id);
    let echoes: readonly Echo[] = [];
    await serveAnswer(
      {
        modelId: body.model,
        prepare: async (engine, signal) => {
          if (body.echo) echoes = await readEchoes(asked, engine, signal);
        },
        prompts: (info) => completionPrompts(asked, info, echoes),
        format: (info) => {
          const fingerprint = systemFingerprint(file, info, stablePrompts);
          return completionsFormat(body, { id: asked.id, fingerprint, echoes });
        },
        stream: body.stream,
        user: userOf(body),
      },
      reply,
      context,
    );
  });
}

interface Asked {
  readonly id: string;
  readonly body: CompletionsBody;
  readonly headers: IncomingHttpHeaders;
  readonly grammar: GrammarSource | undefined;
}

function completionPrompts(
  { id, body, headers, grammar }: Asked,
  info: ModelInfo,
  echoes: readonly Echo[],
): AnswerPrompt[] {
  const shared = {
    ...toStanding(body, headers),
    ...toLikelihoods(body),
    choices: choicesOf(body),
    sampling: toSampling(body),
    stop: toStopConditions(body),
    cache: toCacheUse(body),
    ...(grammar === undefined ? {} : { grammar }),
  };
  return toPrompts(body, info).map((prompt, index) => {
    const promptTokens = body.max_tokens === 0 ? echoes[index]?.tokens.length : undefined;
    return {
      request: { ...shared, id: `${id}-${index}`, prompt },
      newParser: () => plainParser,
      ...(promptTokens === undefined ? {} : { promptTokens }),
    };
  });
}

/** One after the other: each is a prompt that is computed, and they are no more urgent than any other's. */
async function readEchoes(
  { id, body, headers }: Asked,
  engine: Engine,
  signal: AbortSignal,
): Promise<readonly Echo[]> {
  const standing = toStanding(body, headers);
  const wish = body.logprobs === undefined ? undefined : { top: body.logprobs };
  const echoes: Echo[] = [];
  for (const [index, prompt] of toPlainPrompts(body.prompt, engine.info).entries()) {
    const sent = promptsOf(body.prompt)[index];
    const said = typeof sent === 'string' ? sent : undefined;
    echoes.push(
      await readEcho(engine, { ...standing, id: `${id}-${index}`, prompt }, { said, wish }, signal),
    );
  }
  return echoes;
}

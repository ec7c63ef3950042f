import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { InputEmbedding } from '../../core/embedding.js';
import { HeddleError, toHeddleError } from '../../core/errors.js';
import type { Prompt } from '../../core/generation.js';
import type { Engine } from '../../engine/engine.js';
import type { EnginePool } from '../../pool/engine-pool.js';
import { shortened } from '../openai/embedding-dimensions.js';
import { checkDimensions, toInputs } from '../openai/embeddings-schema.js';
import { toStanding } from '../openai/standing-schema.js';
import type { RouteContext } from '../route-context.js';
import { countTokens, serveMeasurement } from '../serve-measurement.js';
import { parseBody } from '../validation.js';
import { changeResidence } from './change-residence.js';
import { cutInputs } from './cut-inputs.js';
import { embedSchema, oldEmbedSchema } from './embed-schema.js';
import { modelName } from './model-name.js';
import { checkContext } from './options-schema.js';
import { RequestClock } from './request-clock.js';

/** A validated request for embeddings of at least one text. */
interface EmbedJob {
  readonly modelId: string;
  readonly texts: readonly string[];
  readonly normalize: boolean;
  readonly truncate: boolean;
  readonly dimensions: number | undefined;
  readonly keepAlive: number | undefined;
  readonly numCtx: number | undefined;
  /** What the client calls an input. */
  readonly pathOf: (index: string) => string;
}

/** `POST /api/embed`, and `POST /api/embeddings`, as it was before */
export function embedRoute(server: FastifyInstance, context: RouteContext): void {
  const { pool } = context;
  server.post('/api/embed', async (request, reply) => {
    const clock = new RequestClock();
    const body = parseBody(embedSchema, request.body);
    const { model, input, keep_alive: keepAlive, options, truncate, dimensions } = body;
    const modelId = await modelName(pool, model);
    const isList = typeof input !== 'string';
    const texts = isList ? input : [input].filter((text) => text !== '');
    const results = await embed(
      {
        modelId,
        texts,
        normalize: true,
        truncate,
        dimensions,
        keepAlive,
        numCtx: options.num_ctx,
        pathOf: (index) => `input${isList ? index : ''}`,
      },
      { clock, request, reply, context },
    );
    const tail = { ...clock.durations, prompt_eval_count: countTokens(results) };
    const written = results.map(({ embedding }) => shortened(embedding, dimensions));
    reply.type('application/json; charset=utf-8');
    await reply.send(Readable.from(answer(model, written, tail), { objectMode: false }));
  });
  server.post('/api/embeddings', async (request, reply) => {
    const body = parseBody(oldEmbedSchema, request.body);
    const { model, prompt, keep_alive: keepAlive, options } = body;
    const [result] = await embed(
      {
        modelId: await modelName(pool, model),
        texts: prompt === '' ? [] : [prompt],
        normalize: false,
        truncate: true,
        dimensions: undefined,
        keepAlive,
        numCtx: options.num_ctx,
        pathOf: () => 'prompt',
      },
      { clock: new RequestClock(), request, reply, context },
    );
    return { embedding: Array.from(result?.embedding ?? []) };
  });
}

/** Without texts the model is loaded, or unloaded, and there are no embeddings. */
async function embed(
  job: EmbedJob,
  parts: { clock: RequestClock; request: FastifyRequest; reply: FastifyReply; context: RouteContext },
): Promise<readonly InputEmbedding[]> {
  const { modelId, texts, normalize, truncate, dimensions, keepAlive, numCtx, pathOf } = job;
  const { clock, request, reply, context } = parts;
  const { pool } = context;
  if (texts.length === 0) {
    await changeResidence(modelId, keepAlive, reply, pool);
    clock.loaded();
    return [];
  }
  const standing = toStanding({}, request.headers);
  const begin = async (engine: Engine, inputs: readonly Prompt[], signal: AbortSignal) =>
    engine.embed({ id: `ollama-${randomUUID()}`, ...standing, inputs, normalize }, { signal });
  return serveMeasurement<InputEmbedding>(
    {
      modelId,
      task: 'embed',
      kind: 'embedding',
      user: undefined,
      ask: async (engine, signal) => {
        clock.loaded();
        checkContext({ num_ctx: numCtx }, engine.info);
        checkDimensions(dimensions, engine.info.embedding?.size ?? 0);
        if (keepAlive !== undefined) pool.keepAlive(modelId, keepAlive);
        try {
          return await begin(engine, toInputs([...texts]), signal);
        } catch (thrown) {
          const error = toHeddleError(thrown);
          if (truncate && error.code === 'context_length_exceeded') return embedCut(job, begin, signal, pool);
          throw withClientsPath(error, pathOf);
        }
      },
    },
    reply,
    context,
  );
}

/** Again, with inputs that fit; the engine may be another one by now. */
async function embedCut(
  { modelId, texts, keepAlive }: EmbedJob,
  begin: (
    engine: Engine,
    inputs: readonly Prompt[],
    signal: AbortSignal,
  ) => Promise<readonly InputEmbedding[]>,
  signal: AbortSignal,
  pool: EnginePool,
): Promise<readonly InputEmbedding[]> {
  const lease = await pool.lease(modelId, signal);
  let results: Promise<readonly InputEmbedding[]>;
  try {
    const inputs = await cutInputs(lease.engine, texts);
    if (keepAlive !== undefined) pool.keepAlive(modelId, keepAlive);
    results = begin(lease.engine, inputs, signal);
  } finally {
    lease.release();
  }
  return results;
}

/** The engine calls an input `inputs[3]`. */
function withClientsPath(error: HeddleError, pathOf: EmbedJob['pathOf']): HeddleError {
  const index = /^inputs(\[\d+\])$/.exec(error.param ?? '')?.[1];
  if (index === undefined) return error;
  const { code, message, retryable } = error;
  return new HeddleError(code, message, { retryable, cause: error, param: pathOf(index) });
}

/** The body, one embedding at a time: the whole of a large answer would keep every stream of the server waiting. */
function* answer(model: string, embeddings: readonly Float32Array[], tail: object): Generator<string> {
  yield `{"model":${JSON.stringify(model)},"embeddings":[`;
  for (const [index, numbers] of embeddings.entries()) {
    yield `${index === 0 ? '' : ','}${JSON.stringify(Array.from(numbers))}`;
  }
  yield `],${JSON.stringify(tail).slice(1)}`;
}

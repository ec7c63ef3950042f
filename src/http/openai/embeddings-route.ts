import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { HeddleError } from '../../core/errors.js';
import type { InputEmbedding } from '../../core/embedding.js';
import type { RouteContext } from '../route-context.js';
import { countTokens, serveMeasurement } from '../serve-measurement.js';
import { parseBody } from '../validation.js';
import { shortened } from './embedding-dimensions.js';
import { checkDimensions, embeddingsSchema, toInputs } from './embeddings-schema.js';
import { toStanding } from './standing-schema.js';

/** `POST /v1/embeddings` */
export function embeddingsRoute(server: FastifyInstance, context: RouteContext): void {
  server.post('/v1/embeddings', async (request, reply) => {
    const { model, input, encoding_format, dimensions, ...body } = parseBody(embeddingsSchema, request.body);
    const inputs = toInputs(input);
    const embedRequest = {
      id: `embd-${randomUUID()}`,
      ...toStanding(body, request.headers),
      inputs,
      normalize: true,
    };
    const results = await serveMeasurement<InputEmbedding>(
      {
        modelId: model,
        task: 'embed',
        kind: 'embedding',
        user: body.user,
        ask: async (engine, signal) => {
          checkDimensions(dimensions, engine.info.embedding?.size ?? 0);
          return engine.embed(embedRequest, { signal }).catch((error: unknown) => {
            throw withClientsPath(error, Array.isArray(input) && typeof input[0] !== 'number');
          });
        },
      },
      reply,
      context,
    );
    const tokens = countTokens(results);
    const tail = { model, usage: { prompt_tokens: tokens, total_tokens: tokens } };
    const written = results.map(({ embedding }) => shortened(embedding, dimensions));
    reply.type('application/json; charset=utf-8');
    await reply.send(Readable.from(answer(written, encoding_format, tail), { objectMode: false }));
  });
}

/** The engine calls an input `inputs[3]`, the client `input[3]`, or `input` where there is one. */
function withClientsPath(error: unknown, isList: boolean): unknown {
  if (!(error instanceof HeddleError) || error.param === undefined) return error;
  const { code, message, retryable, param } = error;
  const index = /^inputs(\[\d+\])$/.exec(param)?.[1] ?? '';
  return new HeddleError(code, message, { retryable, cause: error, param: `input${isList ? index : ''}` });
}

/** The body, one embedding at a time: the whole of a large answer would keep every stream of the server waiting. */
function* answer(
  embeddings: readonly Float32Array[],
  format: 'float' | 'base64',
  tail: object,
): Generator<string> {
  yield '{"object":"list","data":[';
  for (const [index, numbers] of embeddings.entries()) {
    const embedding = format === 'base64' ? toBase64(numbers) : Array.from(numbers);
    yield `${index === 0 ? '' : ','}${JSON.stringify({ object: 'embedding', index, embedding })}`;
  }
  yield `],${JSON.stringify(tail).slice(1)}`;
}

/** 32-bit floats, little-endian, as the machine has them. */
function toBase64({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { DocumentRelevance } from '../core/reranking.js';
import { toStanding } from './openai/standing-schema.js';
import { rerankSchema, toTexts } from './rerank-schema.js';
import type { RouteContext } from './route-context.js';
import { countTokens, serveMeasurement } from './serve-measurement.js';
import { parseBody } from './validation.js';

/** Jina's path, that of the servers without a version, and Cohere's. */
const paths = ['/v1/rerank', '/rerank', '/v2/rerank'];

/** `POST /v1/rerank` */
export function rerankRoute(server: FastifyInstance, context: RouteContext): void {
  for (const path of paths) {
    server.post(path, async (request, reply) => {
      const { model, query, top_n, return_documents, ...body } = parseBody(rerankSchema, request.body);
      const documents = toTexts(body.documents);
      const id = `rerank-${randomUUID()}`;
      const rerankRequest = { id, ...toStanding(body, request.headers), query, documents };
      const found = await serveMeasurement<DocumentRelevance>(
        {
          modelId: model,
          task: 'rerank',
          kind: 'reranking',
          user: body.user,
          ask: async (engine, signal) => engine.rerank(rerankRequest, { signal }),
        },
        reply,
        context,
      );
      const tokens = countTokens(found);
      return {
        id,
        object: 'list',
        model,
        results: mostRelevant(found, top_n).map(({ index, relevance }) => ({
          index,
          relevance_score: relevance,
          ...(return_documents ? { document: { text: documents[index] } } : {}),
        })),
        usage: { prompt_tokens: tokens, total_tokens: tokens },
        meta: { tokens: { input_tokens: tokens, output_tokens: 0 } },
      };
    });
  }
}

/** The most relevant first; of two that are alike, the one that was sent first. */
function mostRelevant(
  found: readonly DocumentRelevance[],
  most: number | undefined,
): { index: number; relevance: number }[] {
  return found
    .map(({ relevance }, index) => ({ index, relevance }))
    .toSorted((a, b) => b.relevance - a.relevance || a.index - b.index)
    .slice(0, most);
}

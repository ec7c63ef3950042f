import { chatNeutral, chatSchema } from '../../openai/chat-schema.js';
import { completionsSchema } from '../../openai/completions-schema.js';
import { embeddingsSchema } from '../../openai/embeddings-schema.js';
import { modelPageQuery } from '../../anthropic/model-page.js';
import { rerankSchema } from '../../rerank-schema.js';
import { z } from 'zod';
import { anthropicModel, anthropicModels } from '../answers/messages.js';
import {
  chatChunk,
  chatCompletion,
  embeddingList,
  model,
  modelList,
  ranking,
  textChunk,
  textCompletion,
} from '../answers/openai.js';
import { modelPage } from '../descriptions/anthropic.js';
import { chat, embeddings, reranking, texts } from '../descriptions/openai.js';
import type { Operation, RequestHeader } from '../operation.js';
import { chatErrors, workErrors } from './errors.js';

const done = 'The last event is `[DONE]`; an error in the middle is the last one instead.';

const anthropicVersion: RequestHeader = {
  name: 'anthropic-version',
  description: 'The request is one of a client of the Anthropic API: so is the answer',
  schema: z.string().optional(),
};

/** The OpenAI API, without its responses; and reranking. */
export const openaiOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/chat/completions',
    id: 'createChatCompletion',
    tag: 'OpenAI',
    summary: 'Answers a chat',
    description:
      "The model's own chat template writes the prompt. Reasoning is in `reasoning_content`, calls are in `tool_calls`.",
    body: { name: 'ChatRequest', schema: chatSchema, neutral: chatNeutral, descriptions: chat },
    answer: {
      kind: 'json',
      description: 'The answer, whole',
      body: { name: 'ChatCompletion', schema: chatCompletion },
    },
    stream: {
      contentType: 'text/event-stream',
      description: `With \`stream\`: one event for each piece of text, as soon as it is made. ${done}`,
      item: { name: 'ChatCompletionChunk', schema: chatChunk },
    },
    errors: chatErrors,
    example: {
      model: 'starter',
      messages: [{ role: 'user', content: 'What is the capital of Japan?' }],
    },
  },
  {
    method: 'post',
    path: '/v1/completions',
    id: 'createCompletion',
    tag: 'OpenAI',
    summary: 'Goes on with a text',
    body: { name: 'CompletionRequest', schema: completionsSchema, descriptions: texts },
    answer: {
      kind: 'json',
      description: 'The completions, whole',
      body: { name: 'Completion', schema: textCompletion },
    },
    stream: {
      contentType: 'text/event-stream',
      description: `With \`stream\`: one event for each piece of text, as soon as it is made. ${done}`,
      item: { name: 'CompletionChunk', schema: textChunk },
    },
    errors: [...workErrors, 'unsupported_schema'],
    example: { model: 'starter', prompt: 'Once upon a time', max_tokens: 40 },
  },
  {
    method: 'post',
    path: '/v1/embeddings',
    id: 'createEmbeddings',
    tag: 'OpenAI',
    summary: 'Embeds texts',
    description:
      "With a model whose kind is `embedding`. Embeddings are pooled as the model's file asks, and have length 1. An input that is too long is refused, not cut.",
    body: { name: 'EmbeddingsRequest', schema: embeddingsSchema, descriptions: embeddings },
    answer: {
      kind: 'json',
      description: 'An embedding of each input',
      body: { name: 'EmbeddingList', schema: embeddingList },
    },
    errors: workErrors,
    example: { model: 'my-embedder', input: ['A first text', 'A second one'] },
  },
  {
    method: 'post',
    path: '/v1/rerank',
    alsoAt: ['/rerank', '/v2/rerank'],
    id: 'rerank',
    tag: 'OpenAI',
    summary: 'Sorts documents by their relevance to a query',
    description:
      'With a model whose kind is `reranking`. The bodies are those of Jina and Cohere. Each document is read with the query, by itself; what does not fit the model is refused, not cut.',
    body: { name: 'RerankRequest', schema: rerankSchema, descriptions: reranking },
    answer: {
      kind: 'json',
      description: 'The documents, sorted',
      body: { name: 'Ranking', schema: ranking },
    },
    errors: workErrors,
    example: {
      model: 'my-reranker',
      query: 'What is a panda?',
      documents: ['It is a bear.', 'It is a kind of bread.'],
    },
  },
  {
    method: 'get',
    path: '/v1/models',
    id: 'listModels',
    tag: 'OpenAI',
    summary: 'Lists the models on disk, and aliases',
    description:
      'In the shape of the Anthropic API, page by page, for requests with an `anthropic-version` header; only these look at the query.',
    query: { schema: modelPageQuery, descriptions: modelPage },
    headers: [anthropicVersion],
    answer: {
      kind: 'json',
      description: 'The models',
      body: { name: 'ModelList', schema: z.union([modelList, anthropicModels]) },
    },
  },
  {
    method: 'get',
    path: '/v1/models/:id',
    id: 'getModel',
    tag: 'OpenAI',
    summary: 'Tells of one model',
    idIs: 'An id or alias of a model',
    headers: [anthropicVersion],
    answer: {
      kind: 'json',
      description: 'The model',
      body: { name: 'AnyModel', schema: z.union([model, anthropicModel]) },
    },
    errors: ['model_not_found'],
  },
];
